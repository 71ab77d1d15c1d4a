// The page's picture, laid out by hand on one ImGui window: a column on a phone, photo left and
// answer right on a wide screen.

#include "ui.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace nevus::app {
namespace {

constexpr float kWide = 860;       // CSS pixels from which two columns fit
constexpr float kMaxWidth = 1160;  // of the content
constexpr float kReading = 680;    // of a single column on a wide screen
constexpr float kRadius = 12;
constexpr float kGap = 16;

struct Column {
  float x, y, width;
};

class Painter {
 public:
  Painter(const Scene& scene, Layout& layout)
      : scene_(scene),
        view_(scene.view),
        colours_(palette(scene.dark)),
        layout_(layout),
        list_(*ImGui::GetWindowDrawList()) {}

  void paint() {
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    const bool wide = size.x >= kWide;
    margin_ = wide ? 32.0f : 16.0f;
    const float width = std::min(size.x - 2 * margin_, kMaxWidth);
    const Column page{std::floor((size.x - width) / 2), margin_ - scene_.scroll, width};
    float bottom = page.y;
    const bool framed = !scene_.photo.empty() || view_.frame > 0;
    if (!framed) {
      const float reading = std::min(width, kReading);
      Column column{std::floor((size.x - reading) / 2), page.y, reading};
      if (view_.state == PageState::failed) {
        outcome_card(column, wide);
        column.y += kGap;
      }
      if (view_.state != PageState::failed || !view_.prompt.empty()) drop_card(column, wide);
      column.y += kGap * 1.5f;
      sections(column);
      bottom = column.y;
    } else if (wide) {
      const float left = std::floor(width * 0.47f);
      Column photo_column{page.x, page.y, left};
      Column text_column{page.x + left + 2 * kGap, page.y, width - left - 2 * kGap};
      photo(photo_column, size.y - 2 * margin_ - view_.slots[kPhotoSlot] - 60);
      outcome_card(text_column, wide);
      slot(text_column, kActionsSlot, kGap * 0.75f);
      text_column.y += kGap * 1.5f;
      sections(text_column);
      bottom = std::max(photo_column.y, text_column.y);
    } else {
      Column column = page;
      outcome_card(column, wide);
      slot(column, kActionsSlot, kGap * 0.75f);
      column.y += kGap;
      photo(column, size.y * 0.7f);
      column.y += kGap;
      sections(column);
      bottom = column.y;
    }
    if (!view_.footer.empty()) {
      Column footer{page.x, bottom + kGap, page.width};
      text(footer, scene_.fonts.note, colours_.muted, view_.footer, true);
      bottom = footer.y;
    }
    layout_.content_height = std::ceil(bottom + margin_ + scene_.scroll);
  }

 private:
  /// Wrapped text; moves the column down by its height.
  void text(Column& column, const Font& font, ImU32 colour, const std::string& words,
            bool centred = false) {
    const char* begin = words.data();
    const char* end = begin + words.size();
    const float lead = std::floor((font.line - font.size) / 2);
    while (begin < end) {
      const char* stop = line_end(font, begin, end, column.width);
      const float indent =
          centred ? std::floor((column.width - width_of(font, begin, stop)) / 2) : 0;
      list_.AddText(font.face, font.size, {column.x + indent, column.y + lead}, colour, begin,
                    stop);
      column.y += font.line;
      begin = stop;
      while (begin < end && *begin == ' ') ++begin;
    }
  }

  /// Where the line that starts at `begin` ends: before a space, or within a word that is longer
  /// than a line. ImGui's own wrapping breaks after any full stop, within "9.8" too.
  const char* line_end(const Font& font, const char* begin, const char* end, float width) const {
    const char* stop = begin;
    float used = 0;
    for (const char* from = begin; from < end;) {
      const char* to = std::find(from + 1, end, ' ');
      used += width_of(font, from, to);
      if (used > width) break;
      stop = from = to;
    }
    if (stop != begin) return stop;
    stop = font.face->CalcWordWrapPositionA(font.size / font.face->FontSize, begin, end, width);
    return std::max(stop, begin + 1);
  }

  /// One line, no wrapping; the column stays.
  void line(const Font& font, float x, float y, ImU32 colour, const std::string& words) {
    list_.AddText(font.face, font.size, {x, y + std::floor((font.line - font.size) / 2)}, colour,
                  words.data(), words.data() + words.size());
  }

  float width_of(const Font& font, const char* begin, const char* end) const {
    return font.face->CalcTextSizeA(font.size, FLT_MAX, 0, begin, end).x;
  }
  float width_of(const Font& font, const std::string& words) const {
    return width_of(font, words.data(), words.data() + words.size());
  }

  /// Leaves room for controls of the DOM, where they are there.
  void slot(Column& column, Slot which, float before) {
    const float height = view_.slots[which];
    if (height <= 0) return;
    column.y += before;
    layout_.slots[which] = {column.x, column.y + scene_.scroll, column.width};
    column.y += height;
  }

  void outcome_card(Column& column, bool wide) {
    const float padding = wide ? 24.0f : 18.0f;
    Column inner{column.x + padding + 4, column.y + padding, column.width - 2 * padding - 4};
    // The card lies behind its text, whose height is known afterwards.
    list_.ChannelsSplit(2);
    list_.ChannelsSetCurrent(1);
    text(inner, wide ? scene_.fonts.headline : scene_.fonts.title, strong(colours_, view_.tone),
         view_.headline);
    for (const std::string& paragraph : view_.paragraphs) {
      inner.y += 10;
      text(inner, scene_.fonts.body, colours_.text, paragraph);
    }
    inner.y += padding;
    list_.ChannelsSetCurrent(0);
    const ImVec2 top{column.x, column.y};
    const ImVec2 bottom{column.x + column.width, inner.y};
    list_.AddRectFilled(top, bottom, soft(colours_, view_.tone), kRadius);
    list_.PushClipRect(top, {top.x + 6, bottom.y}, true);
    list_.AddRectFilled(top, bottom, strong(colours_, view_.tone), kRadius);
    list_.PopClipRect();
    list_.ChannelsMerge();
    column.y = inner.y;
  }

  /// Where a photo may be dropped, and a click opens the file dialogue.
  void drop_card(Column& column, bool wide) {
    const float padding = wide ? 40.0f : 24.0f;
    const float icon = 56;
    Column inner{column.x + padding, column.y + padding, column.width - 2 * padding};
    list_.ChannelsSplit(2);
    list_.ChannelsSetCurrent(1);
    picture_icon({column.x + column.width / 2, inner.y + icon / 2}, icon);
    inner.y += icon + 18;
    const bool failed = view_.state == PageState::failed;
    text(inner, scene_.fonts.title, colours_.text, failed ? view_.prompt : view_.headline, true);
    if (!failed) {
      for (const std::string& paragraph : view_.paragraphs) {
        inner.y += 8;
        text(inner, scene_.fonts.body, colours_.muted, paragraph, true);
      }
    }
    inner.y += padding;
    list_.ChannelsSetCurrent(0);
    const ImVec2 top{column.x, column.y};
    const ImVec2 bottom{column.x + column.width, inner.y};
    bool hovered = false;
    if (inner.y > 0 && column.y < ImGui::GetIO().DisplaySize.y) {
      ImGui::SetCursorScreenPos(top);
      layout_.choose_clicked =
          ImGui::InvisibleButton("choose", {bottom.x - top.x, bottom.y - top.y});
      hovered = ImGui::IsItemHovered();
      if (hovered) ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
    }
    list_.AddRectFilled(top, bottom, hovered ? colours_.indigo_soft : colours_.card, kRadius);
    dashed(top, bottom, hovered ? colours_.accent : colours_.border);
    list_.ChannelsMerge();
    column.y = inner.y;
  }

  void dashed(ImVec2 top, ImVec2 bottom, ImU32 colour) {
    constexpr float dash = 8, gap = 6, thick = 2, r = kRadius;
    for (float x = top.x + r; x < bottom.x - r; x += dash + gap) {
      const float end = std::min(x + dash, bottom.x - r);
      list_.AddLine({x, top.y}, {end, top.y}, colour, thick);
      list_.AddLine({x, bottom.y}, {end, bottom.y}, colour, thick);
    }
    for (float y = top.y + r; y < bottom.y - r; y += dash + gap) {
      const float end = std::min(y + dash, bottom.y - r);
      list_.AddLine({top.x, y}, {top.x, end}, colour, thick);
      list_.AddLine({bottom.x, y}, {bottom.x, end}, colour, thick);
    }
    constexpr float quarter = 1.57079633f;
    const ImVec2 centres[] = {{bottom.x - r, bottom.y - r},
                              {top.x + r, bottom.y - r},
                              {top.x + r, top.y + r},
                              {bottom.x - r, top.y + r}};
    for (int corner = 0; corner < 4; ++corner) {
      list_.PathArcTo(centres[corner], r, quarter * static_cast<float>(corner),
                      quarter * static_cast<float>(corner + 1));
      list_.PathStroke(colour, 0, thick);
    }
  }

  /// A photo's frame with a spot in it.
  void picture_icon(ImVec2 centre, float size) {
    const float half = size / 2;
    const ImVec2 top{centre.x - half, centre.y - half * 0.8f};
    const ImVec2 bottom{centre.x + half, centre.y + half * 0.8f};
    list_.AddRectFilled(top, bottom, colours_.indigo_soft, 8);
    list_.AddRect(top, bottom, colours_.accent, 8, 0, 2.5f);
    list_.AddCircleFilled(centre, size * 0.15f, colours_.accent, 32);
    list_.AddCircle(centre, size * 0.25f, colours_.accent, 40, 1.5f);
  }

  void photo(Column& column, float max_height) {
    const bool empty = scene_.photo.empty();
    const float aspect = empty ? view_.frame
                               : static_cast<float>(scene_.photo.width()) /
                                     static_cast<float>(scene_.photo.height());
    const float height = std::floor(std::min(column.width / aspect, std::max(max_height, 160.0f)));
    const float width = std::floor(height * aspect);
    const ImVec2 top{std::floor(column.x + (column.width - width) / 2), std::floor(column.y)};
    const ImVec2 bottom{top.x + width, top.y + height};
    if (empty) {  // being opened
      list_.AddRectFilled(top, bottom, colours_.track, kRadius);
      picture_icon({(top.x + bottom.x) / 2, (top.y + bottom.y) / 2}, 56);
      column.y = bottom.y + 8;
      return;
    }
    layout_.slots[kPictureSlot] = {top.x, top.y + scene_.scroll, width, height};
    const auto id = [](const Texture& texture) {
      return reinterpret_cast<ImTextureID>(static_cast<std::intptr_t>(texture.handle()));
    };
    // The part of the photo that is seen, in its shares, and where a point of the photo lies.
    const ImVec2 seen{view_.zoom_x - 0.5f / view_.zoom, view_.zoom_y - 0.5f / view_.zoom};
    const auto at = [&](float x, float y) {
      return ImVec2{top.x + width * (x - seen.x) * view_.zoom,
                    top.y + height * (y - seen.y) * view_.zoom};
    };
    list_.AddImageRounded(id(scene_.photo), top, bottom, seen,
                          {seen.x + 1 / view_.zoom, seen.y + 1 / view_.zoom}, IM_COL32_WHITE,
                          kRadius);

    // What the network did not see is dimmed.
    const ImVec2 from = at(view_.crop_x, view_.crop_y);
    const ImVec2 to = at(view_.crop_x + view_.crop_width, view_.crop_y + view_.crop_height);
    const ImVec2 crop_top{std::clamp(from.x, top.x, bottom.x), std::clamp(from.y, top.y, bottom.y)};
    const ImVec2 crop_bottom{std::clamp(to.x, top.x, bottom.x), std::clamp(to.y, top.y, bottom.y)};
    const ImU32 dim = (colours_.page & 0x00ffffffu) | 0x8c000000u;
    if (crop_top.x > top.x)
      list_.AddRectFilled(top, {crop_top.x, bottom.y}, dim, kRadius, ImDrawFlags_RoundCornersLeft);
    if (crop_bottom.x < bottom.x)
      list_.AddRectFilled({crop_bottom.x, top.y}, bottom, dim, kRadius,
                          ImDrawFlags_RoundCornersRight);
    if (crop_top.y > top.y)
      list_.AddRectFilled({crop_top.x, top.y}, {crop_bottom.x, crop_top.y}, dim);
    if (crop_bottom.y < bottom.y)
      list_.AddRectFilled({crop_top.x, crop_bottom.y}, {crop_bottom.x, bottom.y}, dim);

    const float line_x = std::floor(top.x + width * view_.wipe);
    list_.PushClipRect({line_x, top.y}, bottom, true);
    if (view_.heatmap_shown && !scene_.heatmap.empty()) {
      const int alpha = static_cast<int>(std::lround(255 * view_.heatmap_opacity));
      const bool whole =
          view_.crop_width > 0.999f && view_.crop_height > 0.999f && view_.zoom <= 1.001f;
      list_.AddImageRounded(id(scene_.heatmap), from, to, {0, 0}, {1, 1},
                            IM_COL32(255, 255, 255, alpha), whole ? kRadius : 0);
    }
    if (view_.outline_shown) outline(at);
    list_.PopClipRect();
    if (view_.wipe > 0 && view_.wipe < 1) {
      list_.AddRectFilled({line_x - 2, top.y}, {line_x + 2, bottom.y}, IM_COL32(20, 20, 30, 150));
      list_.AddRectFilled({line_x - 1, top.y}, {line_x + 1, bottom.y}, IM_COL32_WHITE);
    }
    list_.AddRect(top, bottom, colours_.border, kRadius);
    column.y = bottom.y + 8;
    slot(column, kPhotoSlot, 0);
    if (!view_.caption.empty()) text(column, scene_.fonts.note, colours_.muted, view_.caption);
  }

  /// The lesion's outline, light on a dark rim: it shows on any skin.
  template <class At>
  void outline(const At& at) {
    std::vector<ImVec2> points;
    for (std::size_t i = 0; i + 1 < view_.outline.size(); i += 2)
      points.push_back(at(view_.outline[i], view_.outline[i + 1]));
    if (points.size() < 3) return;
    const auto count = static_cast<int>(points.size());
    list_.AddPolyline(points.data(), count, IM_COL32(20, 20, 30, 150), ImDrawFlags_Closed, 3.5f);
    list_.AddPolyline(points.data(), count, IM_COL32(255, 255, 255, 240), ImDrawFlags_Closed, 1.5f);
  }

  void sections(Column& column) {
    for (const Section& section : view_.sections) {
      text(column, scene_.fonts.strong, colours_.text, section.title);
      column.y += 2;
      list_.AddLine({column.x, column.y}, {column.x + column.width, column.y}, colours_.border);
      column.y += 8;
      if (section.expert_slot) slot(column, kExpertSlot, 0);
      for (const Row& entry : section.rows) row(column, entry);
      if (!section.note.empty()) {
        column.y += 2;
        text(column, scene_.fonts.note, colours_.muted, section.note);
      }
      column.y += kGap * 1.25f;
    }
  }

  void row(Column& column, const Row& entry) {
    const Fonts& fonts = scene_.fonts;
    if (entry.label.size() == 1 && entry.label[0] >= '0' && entry.label[0] <= '9') {  // a step
      list_.AddCircleFilled({column.x + 12, column.y + 12}, 12, colours_.indigo_soft, 32);
      const float width = width_of(fonts.number, entry.label);
      line(fonts.number, std::floor(column.x + 12 - width / 2), column.y + 2, colours_.accent,
           entry.label);
      Column value{column.x + 36, column.y, column.width - 36};
      text(value, fonts.body, colours_.text, entry.value);
      column.y = value.y + 8;
      return;
    }
    const float label_width = width_of(fonts.body, entry.label);
    const float value_width = width_of(fonts.strong, entry.value);
    if (label_width + value_width + kGap <= column.width) {
      line(fonts.body, column.x, column.y, colours_.muted, entry.label);
      line(fonts.strong, std::floor(column.x + column.width - value_width), column.y, colours_.text,
           entry.value);
      column.y += fonts.body.line;
    } else {
      text(column, fonts.body, colours_.muted, entry.label);
      text(column, fonts.strong, colours_.text, entry.value);
    }
    if (entry.bar) {
      column.y += 4;
      const float height = entry.mark ? 12.0f : 8.0f;
      const ImVec2 top{column.x, column.y};
      const float end = column.x + column.width * *entry.bar;
      list_.AddRectFilled(top, {column.x + column.width, column.y + height}, colours_.track,
                          height / 2);
      if (end > column.x + 1)
        list_.AddRectFilled(top, {std::max(end, column.x + height), column.y + height},
                            entry.mark ? strong(colours_, view_.tone) : colours_.grey, height / 2);
      if (entry.mark) {
        const float x = std::floor(column.x + column.width * *entry.mark);
        list_.AddRectFilled({x - 3, column.y - 5}, {x + 3, column.y + height + 5}, colours_.page);
        list_.AddRectFilled({x - 1, column.y - 5}, {x + 1, column.y + height + 5}, colours_.text);
      }
      column.y += height + 6;
    }
    if (!entry.note.empty()) text(column, fonts.note, colours_.muted, entry.note);
    column.y += entry.note.empty() ? 4 : 8;
  }

  const Scene& scene_;
  const View& view_;
  const Palette& colours_;
  Layout& layout_;
  ImDrawList& list_;
  float margin_ = 0;
};

}  // namespace

Layout draw_scene(const Scene& scene) {
  Layout layout;
  ImGui::SetNextWindowPos({0, 0});
  ImGui::SetNextWindowSize(ImGui::GetIO().DisplaySize);
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {0, 0});
  ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 0);
  ImGui::Begin("Nevus", nullptr,
               ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                   ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoBackground |
                   ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoScrollWithMouse);
  Painter(scene, layout).paint();
  ImGui::End();
  ImGui::PopStyleVar(2);
  return layout;
}

}  // namespace nevus::app
