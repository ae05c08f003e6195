//! The look: tokens, how egui is dressed in them, and the few parts every view is built from.
//!
//! Nothing else in the window names a colour or a size.

mod bars;
mod parts;
mod tokens;

use std::sync::Arc;

use egui::style::{Selection, WidgetVisuals};
use egui::{CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle, Visuals, vec2};
use serde::{Deserialize, Serialize};

pub use bars::{at_end, enabled, left, rest, toolbar, whole};
pub use parts::*;
pub use tokens::{DARK, LIGHT, Tokens, size};

/// Which theme a person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// As the desktop says.
    System,
    /// Dark.
    #[default]
    Dark,
    /// Light.
    Light,
}

impl Mode {
    /// Its name on the screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::System => "As the desktop",
            Self::Dark => "Dark",
            Self::Light => "Light",
        }
    }
}

/// The tokens of the theme this `ui` is drawn in.
pub fn tokens(ui: &egui::Ui) -> &'static Tokens {
    of(ui.visuals().dark_mode)
}

/// The tokens of the theme in use.
pub fn tokens_of(ctx: &egui::Context) -> &'static Tokens {
    of(ctx.global_style().visuals.dark_mode)
}

fn of(dark: bool) -> &'static Tokens {
    if dark { &DARK } else { &LIGHT }
}

/// Dresses the whole window; call it when the mode or the wish for motion changes.
pub fn apply(ctx: &egui::Context, mode: Mode, reduce_motion: bool) {
    ctx.set_theme(match mode {
        Mode::System => egui::ThemePreference::System,
        Mode::Dark => egui::ThemePreference::Dark,
        Mode::Light => egui::ThemePreference::Light,
    });
    for (theme, tokens) in [(egui::Theme::Dark, &DARK), (egui::Theme::Light, &LIGHT)] {
        ctx.set_style_of(theme, style(tokens, reduce_motion));
    }
}

/// Loads the fonts; once, before the first frame.
pub fn install_fonts(ctx: &egui::Context) {
    egui_material_icons::initialize(ctx);
}

fn style(t: &Tokens, reduce_motion: bool) -> Style {
    let mut style = Style::default();
    let prop = |size| FontId::new(size, FontFamily::Proportional);
    style.text_styles = [
        (TextStyle::Small, prop(size::SMALL)),
        (TextStyle::Body, prop(size::BODY)),
        (TextStyle::Button, prop(size::BODY)),
        (TextStyle::Heading, prop(size::TITLE)),
        (TextStyle::Monospace, FontId::new(size::SMALL, FontFamily::Monospace)),
        (TextStyle::Name(Arc::from("strong")), prop(size::STRONG)),
        (TextStyle::Name(Arc::from("home")), prop(size::HOME)),
    ]
    .into();
    style.animation_time = if reduce_motion { 0.0 } else { size::MOTION };
    style.visuals = visuals(t);
    let s = &mut style.spacing;
    s.item_spacing = vec2(size::S, size::S);
    s.button_padding = vec2(size::M, size::XS + 1.0);
    s.interact_size = vec2(size::CONTROL, size::CONTROL);
    s.icon_width = 16.0;
    s.icon_width_inner = 8.0;
    s.icon_spacing = size::S;
    s.slider_width = 140.0;
    s.slider_rail_height = 4.0;
    s.combo_width = 120.0;
    s.text_edit_width = 200.0;
    s.indent = size::L;
    s.menu_margin = Margin::same(size::XS as i8);
    s.window_margin = Margin::same(size::L as i8);
    s.tooltip_width = 320.0;
    s.scroll = egui::style::ScrollStyle { bar_width: 8.0, floating: true, ..egui::style::ScrollStyle::floating() };
    style.interaction.tooltip_delay = 0.4;
    style.interaction.selectable_labels = false;
    style.url_in_tooltip = true;
    style
}

fn visuals(t: &Tokens) -> Visuals {
    let mut v = if t.dark { Visuals::dark() } else { Visuals::light() };
    let radius = CornerRadius::same(size::RADIUS);
    let widget = |fill, line, text| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, line),
        corner_radius: radius,
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    };
    v.widgets.noninteractive = widget(t.panel, t.line, t.text);
    // Buttons stand out from cards and panels; boxes and rails are sunk into them.
    v.widgets.inactive = WidgetVisuals { weak_bg_fill: t.hover, ..widget(t.canvas, t.line, t.text) };
    v.widgets.hovered = WidgetVisuals { weak_bg_fill: t.press, ..widget(t.canvas, t.disabled, t.text) };
    v.widgets.active = widget(t.selected, t.accent, t.text);
    v.widgets.open = widget(t.hover, t.line, t.text);
    v.selection = Selection { bg_fill: t.selected, stroke: Stroke::new(1.0, t.accent) };
    v.override_text_color = None;
    v.weak_text_color = Some(t.weak);
    v.hyperlink_color = t.accent;
    v.faint_bg_color = t.raised;
    v.extreme_bg_color = t.canvas;
    v.text_edit_bg_color = Some(t.canvas);
    v.code_bg_color = t.canvas;
    v.warn_fg_color = t.warn;
    v.error_fg_color = t.bad;
    v.panel_fill = t.panel;
    v.window_fill = t.raised;
    v.window_stroke = Stroke::new(1.0, t.line);
    v.window_corner_radius = CornerRadius::same(size::RADIUS_CARD);
    v.menu_corner_radius = CornerRadius::same(size::RADIUS_CARD);
    let shadow = Shadow {
        offset: [0, 6],
        blur: 20,
        spread: 0,
        color: egui::Color32::from_black_alpha(if t.dark { 110 } else { 40 }),
    };
    v.window_shadow = shadow;
    v.popup_shadow = shadow;
    v.slider_trailing_fill = true;
    v.handle_shape = egui::style::HandleShape::Rect { aspect_ratio: 0.4 };
    v.button_frame = true;
    v.striped = false;
    v.indent_has_left_vline = false;
    v.interact_cursor = None;
    v
}
