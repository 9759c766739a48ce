# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned models with size, licence, purpose and a button each: in the preferences, and closed in the sidebar."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import bpy

from . import models
from .panels import sentences
from .wrapping import wrapped


class TURNAROUND_PT_models(bpy.types.Panel):  # noqa: N801 - Blender's naming rule
    """Models, in the sidebar."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Turnaround"
    bl_label = "Models"
    bl_order = 6
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender reads a plain set

    def draw(self, context: Any) -> None:
        """See ``draw_models``."""
        draw_models(self.layout, context)


def draw_models(layout: Any, context: Any) -> None:
    """Every model; what is being fetched has a bar and a button to stop it."""
    found = models.said()
    reason = models.reason_not_to_ask()
    if reason or not found.get("models"):
        layout.operator("turnaround.backend_models", icon="FILE_REFRESH")
        if reason or found.get("problem"):
            wrapped(layout.column(align=True), reason or found["problem"], context, "INFO" if reason else "ERROR")
        else:
            models.ask_once()
        return
    if found.get("problem"):
        wrapped(layout.column(align=True), found["problem"], context, "ERROR")
    if not bpy.app.online_access:
        wrapped(layout.column(align=True), models.OFFLINE, context, "INFO")
    for purpose, rows in groupby(found["models"], key=lambda row: str(row["purpose"]).partition(";")[0]):
        box = layout.box()
        wrapped(box.column(align=True), sentences(purpose), context)
        for row in rows:
            _draw_model(box, row, context)
    wrapped(layout.column(align=True), str(found["folder"]), context, "FILE_FOLDER")


def _draw_model(layout: Any, row: dict[str, Any], context: Any) -> None:
    """One model."""
    errand = models.errand()
    mine = errand.get("name") == row["name"]
    head = layout.row(align=True)
    head.label(text=row["name"], icon="CHECKMARK" if row["installed"] else "BLANK1")
    facts = layout.column(align=True)
    if mine and errand["state"] == "running":
        head.operator("turnaround.model_stop", text="", icon="CANCEL")
        facts.progress(factor=errand["fraction"], text=errand["text"], type="BAR")
    elif row["installed"]:
        head.operator("turnaround.model_remove", text="", icon="TRASH").name = row["name"]
    else:
        head.operator("turnaround.model_import", text="", icon="FILEBROWSER").name = row["name"]
        head.operator("turnaround.model_install", text="", icon="IMPORT").name = row["name"]
    note = str(row["purpose"]).partition(";")[2].strip()
    wrapped(facts, ", ".join(filter(None, (f"{row['size'] / 1e6:.0f} MB", row["licence"], note))), context, "BLANK1")
    if mine and errand["state"] == "failed":
        facts.alert = True
        wrapped(facts, sentences(models.in_words(errand["message"]), models.in_words(errand["hint"])), context, "ERROR")


def draw_offers(layout: Any, text: str) -> None:
    """A button for each model that ``text`` tells to install and that is not known to be there."""
    for name in models.named_in(text):
        if not models.row_of(name).get("installed"):
            layout.operator("turnaround.model_install", text=f"Install {name}", icon="IMPORT").name = name


CLASSES = (TURNAROUND_PT_models,)
