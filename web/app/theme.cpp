// Colours and fonts.

#include "theme.h"

#include <cmath>

namespace nevus::app {
namespace {

constexpr ImU32 rgb(unsigned hex) {
  return IM_COL32((hex >> 16) & 0xff, (hex >> 8) & 0xff, hex & 0xff, 0xff);
}

constexpr Palette kLight{
    .page = rgb(0xf7f6f3),
    .card = rgb(0xffffff),
    .border = rgb(0xdedbd4),
    .text = rgb(0x23242b),
    .muted = rgb(0x5c5e69),
    .track = rgb(0xe9e7f0),
    .accent = rgb(0x4a4fa3),
    .accent_text = rgb(0xffffff),
    .amber = rgb(0x8a5200),
    .amber_soft = rgb(0xfdf1dc),
    .indigo = rgb(0x4a4fa3),
    .indigo_soft = rgb(0xeeeef8),
    .grey = rgb(0x5c5e69),
    .grey_soft = rgb(0xefeeec),
};

constexpr Palette kDark{
    .page = rgb(0x17181d),
    .card = rgb(0x202127),
    .border = rgb(0x383a44),
    .text = rgb(0xecebe7),
    .muted = rgb(0xa9abb6),
    .track = rgb(0x33353f),
    .accent = rgb(0xa9aef2),
    .accent_text = rgb(0x17181d),
    .amber = rgb(0xf0b35c),
    .amber_soft = rgb(0x35291a),
    .indigo = rgb(0xa9aef2),
    .indigo_soft = rgb(0x262842),
    .grey = rgb(0xa9abb6),
    .grey_soft = rgb(0x2b2c33),
};

}  // namespace

const Palette& palette(bool dark) {
  return dark ? kDark : kLight;
}

ImU32 strong(const Palette& colours, Tone tone) {
  switch (tone) {
    case Tone::amber:
      return colours.amber;
    case Tone::indigo:
      return colours.indigo;
    case Tone::grey:
      return colours.grey;
  }
  return colours.grey;
}

ImU32 soft(const Palette& colours, Tone tone) {
  switch (tone) {
    case Tone::amber:
      return colours.amber_soft;
    case Tone::indigo:
      return colours.indigo_soft;
    case Tone::grey:
      return colours.grey_soft;
  }
  return colours.grey_soft;
}

Fonts build_fonts(std::span<std::uint8_t> regular, std::span<std::uint8_t> bold, float density) {
  ImGuiIO& io = ImGui::GetIO();
  io.Fonts->Clear();
  io.Fonts->TexDesiredWidth = 2048;  // within every WebGL 2 device's limit
  // Latin-1, and the signs that our words use; the font files hold no more.
  static const ImWchar ranges[] = {0x0020, 0x00ff, 0x2013, 0x2014, 0x2018, 0x2019, 0x201c, 0x201d,
                                   0x2022, 0x2022, 0x2026, 0x2026, 0x2212, 0x2212, 0};
  // ImGui's size is from ascender to descender, which is 1.21 em in Inter (hhea: 0.96875 + 0.2412).
  constexpr float kEm = 1.21f;
  const auto add = [&](std::span<std::uint8_t> file, float em, float line) -> Font {
    ImFontConfig config;
    config.FontDataOwnedByAtlas = false;
    config.OversampleH = density < 1.5f ? 2 : 1;
    config.OversampleV = 1;
    const float size = em * kEm;
    ImFont* face = io.Fonts->AddFontFromMemoryTTF(file.data(), static_cast<int>(file.size()),
                                                  std::round(size * density), &config, ranges);
    return {face, size, std::round(line)};
  };
  Fonts fonts;
  fonts.body = add(regular, 16, 24);
  fonts.strong = add(bold, 16, 24);
  fonts.note = add(regular, 14, 20);
  fonts.number = add(bold, 14, 20);
  fonts.headline = add(bold, 32, 40);
  fonts.title = add(bold, 24, 31);
  io.Fonts->Build();
  io.FontGlobalScale = 1.0f / density;
  return fonts;
}

}  // namespace nevus::app
