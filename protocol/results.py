# SPDX-License-Identifier: GPL-3.0-or-later
"""Results: what a job delivers, with axes and units, and the names of what it measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """A file a job delivers. ``path`` is relative to the job folder, ``axes`` a key of ``AXES``."""

    kind: str
    path: str
    axes: str = "z_up"
    unit: str = "relative"
    count: int = 0


AXES = {
    "z_up": "right-handed, z up, object's centre above the origin, its lowest point at z = 0",
    "y_up": "glTF: right-handed, y up, z towards the viewer",
    "image": "pixels",
    "texture": "shares of the texture: u to the right, v down from its top left corner",
}

ARTEFACTS: dict[str, str] = {
    "mesh": "PLY, vertex colours (red, green, blue: sRGB 8 bit)",
    "model": "GLB, y up",
    "mesh_uv": "NPY (3 x triangles, 2) float32: texture coordinates of the corners of the mesh's triangles, in order",
    "texture": "PNG, sRGB: the colours of the mesh's surface",
    "seen_map": "PNG, grey: where the texture is of photos (255), and where its colours are made up from around it (0)",
    "normal_map": "PNG: the relief that the mesh's triangles leave out, tangent space, y along -v (glTF, OpenGL)",
    "lod": "GLB with fewer triangles, y up",
    "obj": "OBJ with its material and texture, y up",
    "usdz": "USDZ, y up",
    "stl": "STL, millimetres, z up, closed, on a flat base",
    "points": "PLY, coloured points of the object with a radius each",
    "sparse_points": "PLY, structure-from-motion points of the whole capture, for checking cameras",
    "splats": "PLY in the layout of 3D Gaussian splatting",
    "spz": "SPZ, the splats again, a tenth as large; y up",
    "cameras": "cameras.json: one undistorted pinhole camera a frame, with image and mask",
    "cutouts": "folder of RGBA PNG, straight alpha",
    "photos": "folder of the undistorted photos that cameras.json names",
    "render": "PNG with straight alpha, a view of the result on a turntable",
    "video": "MP4, H.264: the result on a turntable",
    "metrics": "JSON: the job's figures, the result's size, and what each file takes",
    "report": "a page or picture for people",
}

METRICS: dict[str, str] = {
    "frames_used": "frames that entered the job",
    "frames_registered": "frames with a camera",
    "registered_share": "frames_registered / frames_used",
    "outline_misfit_percent": "median over pairs of frames of how far the planes through both cameras that touch the "
    "object's outlines are apart, per cent of the outline's width",
    "reprojection_error_px": "mean reprojection error of the sparse points, pixels of the frames",
    "mask_confidence_mean": "mean of the frames' mask confidences, 0 to 1",
    "splats_psnr": "dB, held-out frames, inside the mask",
    "splats_ssim": "held-out frames, inside the mask",
    "mesh_psnr": "dB, held-out frames, mesh colours inside the mask",
    "mesh_ssim": "held-out frames, mesh colours inside the mask",
    "texture_psnr": "dB, held-out frames, textured mesh inside the job's mask",
    "texture_ssim": "held-out frames, textured mesh inside the job's mask",
    "texture_in_truth_psnr": "dB, held-out frames, textured mesh inside the true mask",
    "texture_in_truth_ssim": "held-out frames, textured mesh inside the true mask",
    "surface_unseen_share": "share of the textured surface that no photo saw; its colours are made up from around it",
    "mask_iou_mean": "mean over frames of mask intersection over union with the truth",
    "mask_iou_min": "least of the frames' intersections over unions",
    "mask_boundary_f_mean": "mean over frames of the boundary F-measure (DAVIS)",
    "davis_j_mean": "region similarity J over the frames in order but the first and the last, as DAVIS takes it",
    "davis_j_recall": "share of those frames with J over 0.5",
    "davis_j_decay": "mean J of their first quarter less that of their last",
    "davis_f_mean": "contour accuracy F over the same frames",
    "davis_f_recall": "share of those frames with F over 0.5",
    "davis_f_decay": "mean F of their first quarter less that of their last",
    "camera_auc_3": "per cent; area under the curve of relative-pose accuracy up to 3 degrees",
    "camera_auc_5": "per cent; the same up to 5 degrees",
    "camera_auc_30": "per cent; the same up to 30 degrees",
    "camera_centre_rms_percent": "per cent of the diagonal of the box of the true centres, after a similarity",
    "chamfer": "mean of the two mean distances over the seen surface, units of the truth",
    "chamfer_percent": "the same in per cent of the diagonal of the true object's box",
    "f_score_1mm": "F-score at 1 mm, where the truth is in metres",
    "f_score_1pct": "F-score at 1 per cent of the diagonal of the true object's box",
    "up_error_degrees": "angle between the job's z axis and the truth's",
    "scale_error_percent": "relative error of the metric scale",
}
