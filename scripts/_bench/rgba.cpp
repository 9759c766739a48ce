// SPDX-License-Identifier: GPL-3.0-or-later
// What the RGBA kernels are measured against: streams that only move memory, and the chain of a cutout as separate passes
// over the whole picture, each with all cores and vectors. Compiled by rgba_reference.py, which checks that they are.
// Pixels are packed as in kernels/pixels.py; rules and names as in kernels/rims.py and kernels/decontamination.py.

#include <immintrin.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;

template <class Work>
static void blocks(long count, Work work) {
    const long size = 16384;
#pragma omp parallel for schedule(static)
    for (long block = 0; block < (count + size - 1) / size; ++block)
        work(block * size, std::min(count, (block + 1) * size));
}

static inline u32 div255(u32 v) { v += 0x800080u; return ((v + ((v >> 8) & 0xff00ffu)) >> 8) & 0xff00ffu; }
static inline u32 green255(u32 v) { v += 0x80u; return (v + (v >> 8)) & 0xff00u; }

static inline u32 over_pixel(u32 p, u32 below) {
    u32 a = p >> 24, rb = below & 0xff00ffu, g = (below >> 8) & 0xffu;
    return div255(((p & 0xff00ffu) - rb) * a + rb * 255u) | green255((((p >> 8) & 0xffu) - g) * a + g * 255u) | 0xff000000u;
}

extern "C" {

void stream_copy(const u32* a, u32* out, long count) {
    blocks(count, [=](long from, long to) { std::memcpy(out + from, a + from, 4 * (to - from)); });
}

void stream_loop(const u32* __restrict a, u32* __restrict out, long count) {
    blocks(count, [=](long from, long to) { for (long i = from; i < to; ++i) out[i] = a[i]; });  // vectors
}

void stream_add(const u32* __restrict a, const u32* __restrict b, u32* __restrict out, long count) {
    blocks(count, [=](long from, long to) { for (long i = from; i < to; ++i) out[i] = a[i] + b[i]; });  // vectors
}

#ifdef __AVX2__
void stream_past(const u32* a, u32* out, long count) {
    blocks(count & ~7L, [=](long from, long to) {
        while ((uintptr_t)(out + from) & 31) ++from;  // a few pixels less: such stores want whole vectors
        for (long i = from; i + 8 <= to; i += 8)
            _mm256_stream_si256((__m256i*)(out + i), _mm256_loadu_si256((const __m256i*)(a + i)));
        _mm_sfence();
    });
}

void stream_add_past(const u32* a, const u32* b, u32* out, long count) {
    blocks(count & ~7L, [=](long from, long to) {
        while ((uintptr_t)(out + from) & 31) ++from;  // a few pixels less: such stores want whole vectors
        for (long i = from; i + 8 <= to; i += 8)
            _mm256_stream_si256((__m256i*)(out + i), _mm256_add_epi32(_mm256_loadu_si256((const __m256i*)(a + i)),
                                                                      _mm256_loadu_si256((const __m256i*)(b + i))));
        _mm_sfence();
    });
}
#endif

void premultiply(const u32* __restrict a, u32* __restrict out, long count) {
    blocks(count, [=](long from, long to) {
        for (long i = from; i < to; ++i) {  // vectors
            u32 p = a[i], s = p >> 24;
            out[i] = div255((p & 0xff00ffu) * s) | green255(((p >> 8) & 0xffu) * s) | (p & 0xff000000u);
        }
    });
}

void over_image(const u32* __restrict a, const u32* __restrict below, u32* __restrict out, long count) {
    blocks(count, [=](long from, long to) { for (long i = from; i < to; ++i) out[i] = over_pixel(a[i], below[i]); });  // vectors
}

}  // extern "C"

// ------------------------------------------------------------------------------------------------- the chain, in passes

struct Picture {
    int height, width;
};

// Steps along columns to the nearest member, at most cap; strips of columns are shared out.
static void steps(Picture s, const u8* member, int cap, u8* up, u8* least) {
    const int strip = 512;
#pragma omp parallel for schedule(dynamic)
    for (int left = 0; left < s.width; left += strip) {
        const int count = std::min(strip, s.width - left);
        for (int y = 0; y < s.height; ++y) {
            const u8* __restrict here = member + (long)y * s.width + left;
            const u8* before = up + (long)(y - 1) * s.width + left;
            u8* __restrict now = up + (long)y * s.width + left;
            if (y == 0)
                for (int x = 0; x < count; ++x) now[x] = here[x] ? 0 : cap;  // vectors
            else
                for (int x = 0; x < count; ++x) {  // vectors
                    u8 step = std::min<u8>(before[x] + 1, cap);
                    now[x] = here[x] ? 0 : step;
                }
        }
        for (int y = s.height - 1; y >= 0; --y) {
            const u8* __restrict here = up + (long)y * s.width + left;
            const u8* after = least + (long)(y + 1) * s.width + left;
            u8* __restrict now = least + (long)y * s.width + left;
            if (y == s.height - 1)
                std::memcpy(now, here, count);
            else
                for (int x = 0; x < count; ++x) now[x] = std::min<u8>(here[x], std::min<u8>(after[x] + 1, cap));  // vectors
        }
    }
}

// Squared distances, at most bound squared, from steps along columns.
static void squares(Picture s, const u8* least, int bound, u16* out) {
#pragma omp parallel
    {
        std::vector<u8> padded(s.width + 2 * bound, bound);
#pragma omp for schedule(static)
        for (int y = 0; y < s.height; ++y) {
            std::memcpy(padded.data() + bound, least + (long)y * s.width, s.width);
            u16* __restrict line = out + (long)y * s.width;
            std::fill(line, line + s.width, (u16)(bound * bound));
            for (int offset = 0; offset <= 2 * bound; ++offset) {
                const u8* __restrict from = padded.data() + offset;
                const u16 square = (offset - bound) * (offset - bound);
                for (int x = 0; x < s.width; ++x) line[x] = std::min<u16>(line[x], (u16)(from[x] * from[x] + square));  // vectors
            }
        }
    }
}

static long nearest(Picture s, const u8* up, const u8* least, int y, int x, int reach) {
    int best = reach * reach + 1, column = 0;
    const u8* line = least + (long)y * s.width;
    for (int u = std::max(x - reach, 0); u <= std::min(x + reach, s.width - 1); ++u) {
        int square = line[u] * line[u] + (u - x) * (u - x);
        if (square < best) best = square, column = u;
    }
    if (best > reach * reach) return -1;
    long at = (long)y * s.width + column;
    return up[at] == least[at] ? at - (long)least[at] * s.width : at + (long)least[at] * s.width;
}

static void mean_near(Picture s, const u8* rgb, const u8* kind, long at, int y, int x, float* mean) {
    const int row = at / s.width, column = at % s.width;
    const int closest = (row - y) * (row - y) + (column - x) * (column - x);
    float weights = 0;
    mean[0] = mean[1] = mean[2] = 0;
    for (int v = std::max(row - 2, 0); v <= std::min(row + 2, s.height - 1); ++v)
        for (int u = std::max(column - 2, 0); u <= std::min(column + 2, s.width - 1); ++u)
            if (kind[(long)v * s.width + u]) {
                float weight = std::exp(-0.5f * ((v - y) * (v - y) + (u - x) * (u - x) - closest));
                weights += weight;
                for (int c = 0; c < 3; ++c) mean[c] += weight * rgb[3 * ((long)v * s.width + u) + c];
            }
    for (int c = 0; c < 3; ++c) mean[c] /= weights;
}

static u32 clean(const u8* pixel, float share, const float* inside, const float* outside) {
    float near = 0, far = 0, trust = share * share;
    for (int c = 0; c < 3; ++c) {
        near += (pixel[c] - outside[c]) * (pixel[c] - outside[c]);
        far += (pixel[c] - inside[c]) * (pixel[c] - inside[c]);
    }
    near = std::sqrt(near), far = std::sqrt(far);
    if (near + far >= 1) trust *= std::clamp((near / (near + far) / share - 0.3f) / 0.5f, 0.0f, 1.0f);
    u32 packed = 0;
    for (int c = 0; c < 3; ++c) {
        float solved = std::clamp((pixel[c] - (1 - share) * outside[c]) / share, 0.0f, 255.0f);
        packed |= (u32)(trust * solved + (1 - trust) * inside[c] + 0.5f) << (8 * c);
    }
    return packed;
}

static void resize(Picture s, const u32* rgba, Picture d, u32* out) {
    const double step_y = (double)s.height / d.height, step_x = (double)s.width / d.width;
    const int taps = (int)std::ceil(step_x) + (step_x != std::floor(step_x));
#pragma omp parallel
    {
        std::vector<float> sums(4L * s.width), weights((long)taps * d.width);
        std::vector<int> at(d.width);
        float *red = sums.data(), *green = red + s.width, *blue = green + s.width, *weight = blue + s.width;
        for (int i = 0; i < d.width; ++i) {
            at[i] = std::min((int)(i * step_x), s.width - taps);
            for (int k = 0; k < taps; ++k)
                weights[(long)k * d.width + i] = std::max(
                    std::min(at[i] + k + 1.0, (i + 1) * step_x) - std::max((double)(at[i] + k), i * step_x), 0.0);
        }
#pragma omp for schedule(static)
        for (int row = 0; row < d.height; ++row) {
            std::fill(sums.begin(), sums.end(), 0.0f);
            for (int y = (int)(row * step_y); y < std::min((int)std::ceil((row + 1) * step_y), s.height); ++y) {
                float share = std::min(y + 1.0, (row + 1) * step_y) - std::max((double)y, row * step_y);
                const u32* __restrict line = rgba + (long)y * s.width;
#pragma omp simd
                for (int x = 0; x < s.width; ++x) {
                    float heavy = ((int)(line[x] >> 24) + 1 / 4096.0f) * share;  // vectors
                    red[x] += heavy * (int)(line[x] & 255);
                    green[x] += heavy * (int)((line[x] >> 8) & 255);
                    blue[x] += heavy * (int)((line[x] >> 16) & 255);
                    weight[x] += heavy;
                }
            }
            u32* __restrict line = out + (long)row * d.width;
            const float area = 1 / (step_y * step_x);
#pragma omp simd
            for (int i = 0; i < d.width; ++i) {
                float r = 0, g = 0, b = 0, w = 0;
                for (int k = 0; k < taps; ++k) {  // vectors
                    float f = weights[(long)k * d.width + i];
                    r += f * red[at[i] + k], g += f * green[at[i] + k], b += f * blue[at[i] + k], w += f * weight[at[i] + k];
                }
                u32 alpha = (int)std::min(w * area - 1 / 4096.0f + 0.5f, 255.5f);
                line[i] = (int)std::min(r / w + 0.5f, 255.5f) | (int)std::min(g / w + 0.5f, 255.5f) << 8 |
                          (int)std::min(b / w + 0.5f, 255.5f) << 16 | alpha << 24;
            }
        }
    }
}

// The cutout of a whole picture, perhaps resized, perhaps over a colour (0: straight).
extern "C" void cut_out(const u8* rgb, const u8* mask, int height, int width, int new_height, int new_width, u32 colour,
                        u32* out) {
    const Picture s{height, width}, d{new_height, new_width};
    const long count = (long)height * width;
    const int bound = 3, reach = 19, deep = 7;
    std::vector<u8> inner(count), outer(count), up(count), least(count), sure(count), cleared(count), up2(count), least2(count);
    std::vector<u16> to_outer(count), to_inner(count);
    std::vector<int16_t> depth(count);
    blocks(count, [&](long from, long to) {
        const u8* __restrict m = mask;
        u8 *__restrict i = inner.data(), *__restrict o = outer.data();
        for (long k = from; k < to; ++k) i[k] = m[k] > 127, o[k] = m[k] <= 127;  // vectors
    });
    steps(s, outer.data(), bound, up.data(), least.data());
    squares(s, least.data(), bound, to_outer.data());
    steps(s, inner.data(), bound, up.data(), least.data());
    squares(s, least.data(), bound, to_inner.data());
    blocks(count, [&](long from, long to) {
        const u8* __restrict i = inner.data();
        const u16 *__restrict o = to_outer.data(), *__restrict n = to_inner.data();
        int16_t* __restrict dd = depth.data();
        for (long k = from; k < to; ++k) dd[k] = i[k] ? (int16_t)o[k] : (int16_t)-n[k];  // vectors
    });
#pragma omp parallel for schedule(static)
    for (int y = 0; y < height; ++y) {
        const int16_t* b = depth.data() + (long)y * width;
        const int16_t *a = y ? b - width : b, *c = y + 1 < height ? b + width : b;
        const u8* __restrict m = mask + (long)y * width;
        u8 *__restrict is_sure = sure.data() + (long)y * width, *__restrict is_clear = cleared.data() + (long)y * width;
        for (int x = 1; x < width - 1; ++x) {  // vectors
            int16_t deepest = std::max(std::max(std::max(a[x - 1], a[x]), std::max(a[x + 1], b[x - 1])),
                                       std::max(std::max(b[x + 1], c[x - 1]), std::max(c[x], c[x + 1])));
            is_sure[x] = (m[x] >= 250) & ((b[x] >= deep) | (deepest <= b[x]));
            is_clear[x] = (m[x] <= 5) & (b[x] <= -deep);
        }
        for (int x : {0, width - 1}) is_sure[x] = m[x] >= 250 && b[x] >= deep, is_clear[x] = m[x] <= 5 && b[x] <= -deep;
    }
    steps(s, sure.data(), reach + 1, up.data(), least.data());
    steps(s, cleared.data(), reach + 1, up2.data(), least2.data());
    const bool resized = new_height != height || new_width != width;
    std::vector<u32> whole(resized ? count : 0);
    u32* full = resized ? whole.data() : out;
    blocks(count, [&](long from, long to) {
        const u8 *__restrict p = rgb, *__restrict m = mask;
        u32* __restrict f = full;
        for (long k = from; k < to; ++k) {  // vectors
            u32 pixel = p[3 * k] | p[3 * k + 1] << 8 | p[3 * k + 2] << 16 | (u32)m[k] << 24;
            f[k] = m[k] ? pixel : 0;
        }
    });
#pragma omp parallel for schedule(dynamic, 16)
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            const long k = (long)y * width + x;
            if (sure[k] || depth[k] >= deep) continue;
            const long in = nearest(s, up.data(), least.data(), y, x, reach);
            if (in < 0) continue;
            float inside[3], outside[3];
            if (mask[k] == 0) {
                mean_near(s, rgb, sure.data(), in, in / width, in % width, inside);
                full[k] = (u32)(inside[0] + 0.5f) | (u32)(inside[1] + 0.5f) << 8 | (u32)(inside[2] + 0.5f) << 16;
                continue;
            }
            mean_near(s, rgb, sure.data(), in, y, x, inside);
            const long beyond = nearest(s, up2.data(), least2.data(), y, x, reach);
            u32 colours = (u32)(inside[0] + 0.5f) | (u32)(inside[1] + 0.5f) << 8 | (u32)(inside[2] + 0.5f) << 16;
            if (beyond >= 0) {
                mean_near(s, rgb, cleared.data(), beyond, y, x, outside);
                colours = clean(rgb + 3 * k, mask[k] / 255.0f, inside, outside);
            }
            full[k] = colours | (u32)mask[k] << 24;
        }
    }
    if (resized) resize(s, full, d, out);
    if (colour)
        blocks((long)new_height * new_width, [=](long from, long to) {
            for (long k = from; k < to; ++k) out[k] = over_pixel(out[k], colour);  // vectors
        });
}
