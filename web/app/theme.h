// Colours and fonts, light and dark. No green anywhere, and no red: amber asks for attention.
#pragma once

#include <imgui.h>

#include <cstdint>
#include <span>
#include <vector>

#include "view.h"

namespace nevus::app {

struct Palette {
  ImU32 page, card, border, text, muted, track, accent, accent_text;
  ImU32 amber, amber_soft, indigo, indigo_soft, grey, grey_soft;
};

/// WCAG 2.2 AA contrast (4.5 : 1) for every text colour on page and card.
const Palette& palette(bool dark);

ImU32 strong(const Palette& colours, Tone tone);
ImU32 soft(const Palette& colours, Tone tone);

/// A face at one size.
struct Font {
  ImFont* face = nullptr;
  float size = 0;  ///< as ImGui counts: ascender to descender, CSS pixels
  float line = 0;  ///< from a line to the next, CSS pixels
};

struct Fonts {
  Font body;      ///< 16 px
  Font strong;    ///< 16 px, semibold
  Font note;      ///< 14 px
  Font number;    ///< 14 px, semibold
  Font headline;  ///< 32 px, semibold
  Font title;     ///< 24 px, semibold
};

/// Fills ImGui's atlas with the page's fonts, drawn for `density` device pixels a CSS pixel.
/// @param regular, bold  TrueType files; must outlive the atlas
Fonts build_fonts(std::span<std::uint8_t> regular, std::span<std::uint8_t> bold, float density);

}  // namespace nevus::app
