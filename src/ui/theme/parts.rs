//! The parts every view is built from: buttons, cards, headings, badges, empty states.

use egui::text::{LayoutJob, TextFormat};
use egui::{
    Align, Button, Color32, CornerRadius, FontFamily, FontId, Frame, InnerResponse, Margin, Response, RichText, Role,
    Sense, Stroke, Ui, WidgetInfo, WidgetText, vec2,
};
pub use egui_material_icons::MaterialIcon as Icon;

use super::{Tokens, bars, size, tokens};
use crate::base::Severity;

/// What a badge or a line of text says beyond its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Quiet,
    /// Part of what is selected or active.
    Accent,
    /// It went well.
    Good,
    /// Look at this.
    Warn,
    /// It failed.
    Bad,
}

impl Tone {
    /// Its colour.
    pub fn colour(self, t: &Tokens) -> Color32 {
        match self {
            Self::Quiet => t.weak,
            Self::Accent => t.accent,
            Self::Good => t.good,
            Self::Warn => t.warn,
            Self::Bad => t.bad,
        }
    }
}

impl From<Severity> for Tone {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Quiet,
            Severity::Warning => Self::Warn,
            Severity::Error => Self::Bad,
        }
    }
}

/// Icon and words as one text, the icon in its own font.
pub fn icon_text(icon: Option<Icon>, text: &str, font: f32, colour: Color32) -> WidgetText {
    let mut job = LayoutJob::default();
    let format =
        |size, family| TextFormat { valign: Align::Center, ..TextFormat::simple(FontId::new(size, family), colour) };
    if let Some(icon) = icon {
        job.append(icon.codepoint, 0.0, format(font + 3.0, icon.font_family()));
    }
    if !text.is_empty() {
        let gap = if icon.is_some() { 6.0 } else { 0.0 };
        job.append(text, gap, format(font, FontFamily::Proportional));
    }
    job.into()
}

/// Gives a widget the name that screen readers and tests know it by.
pub fn name(response: &Response, role: Role, name: &str) {
    let enabled = response.enabled();
    response.widget_info(|| WidgetInfo::labeled(role, enabled, name));
}

/// The one button of a view that asks to be clicked: filled with the accent.
pub fn primary_button(ui: &mut Ui, icon: Option<Icon>, text: &str) -> Response {
    let t = tokens(ui);
    let colour = if ui.is_enabled() { t.on_accent } else { t.disabled };
    let fill = if ui.is_enabled() { t.accent } else { t.raised };
    let button = Button::new(icon_text(icon, text, size::BODY, colour))
        .fill(fill)
        .stroke(Stroke::NONE)
        .min_size(vec2(0.0, size::CONTROL));
    let response = ui.add(button);
    if response.hovered() && ui.is_enabled() {
        ui.painter().rect_stroke(
            response.rect,
            CornerRadius::same(size::RADIUS),
            Stroke::new(1.0, t.text),
            egui::StrokeKind::Inside,
        );
    }
    name(&response, Role::Button, text);
    let shown = response.rect.intersect(ui.clip_rect());
    if shown.is_positive() {
        ui.data_mut(|d| d.get_temp_mut_or_default::<Vec<egui::Rect>>(primary_id()).push(shown));
    }
    response
}

fn primary_id() -> egui::Id {
    egui::Id::unique("primary buttons")
}

/// Where primary buttons were drawn since this was asked last.
pub fn take_primary_buttons(ctx: &egui::Context) -> Vec<egui::Rect> {
    ctx.data_mut(|d| std::mem::take(d.get_temp_mut_or_default::<Vec<egui::Rect>>(primary_id())))
}

/// Any other button.
pub fn button(ui: &mut Ui, icon: Option<Icon>, text: &str) -> Response {
    let t = tokens(ui);
    let colour = if ui.is_enabled() { t.text } else { t.disabled };
    let response = ui.add(Button::new(icon_text(icon, text, size::BODY, colour)).min_size(vec2(0.0, size::CONTROL)));
    name(&response, Role::Button, text);
    response
}

/// A button without a frame until the pointer is on it.
pub fn quiet_button(ui: &mut Ui, icon: Option<Icon>, text: &str) -> Response {
    let t = tokens(ui);
    let colour = if ui.is_enabled() { t.text } else { t.disabled };
    let button = Button::new(icon_text(icon, text, size::BODY, colour))
        .frame_when_inactive(false)
        .min_size(vec2(0.0, size::CONTROL));
    let response = ui.add(button);
    name(&response, Role::Button, text);
    response
}

/// A button that takes something away; what will be lost belongs in its tooltip.
pub fn danger_button(ui: &mut Ui, icon: Option<Icon>, text: &str) -> Response {
    let t = tokens(ui);
    let colour = if ui.is_enabled() { t.bad } else { t.disabled };
    let response = ui.add(Button::new(icon_text(icon, text, size::BODY, colour)).min_size(vec2(0.0, size::CONTROL)));
    name(&response, Role::Button, text);
    response
}

/// An icon alone, without a frame until the pointer is on it; `label` is its name and its tooltip.
pub fn icon_button(ui: &mut Ui, icon: Icon, label: &str) -> Response {
    let t = tokens(ui);
    icon_button_toned(ui, icon, label, if ui.is_enabled() { t.text } else { t.disabled }, false)
}

/// The way back from a picture that fills the view: a button in its upper left corner. True when it is clicked.
pub fn back_button(ui: &mut Ui, room: egui::Rect, label: &str) -> bool {
    let t = tokens(ui);
    let at = egui::Rect::from_min_size(room.min + vec2(size::S, size::S), vec2(size::CONTROL, size::CONTROL));
    ui.painter().rect_filled(at, CornerRadius::same(size::RADIUS), t.raised.gamma_multiply(0.85));
    let mut corner = ui.new_child(egui::UiBuilder::new().max_rect(at).id_salt("back"));
    icon_button(&mut corner, egui_material_icons::icons::ICON_ARROW_BACK, label).clicked()
}

/// An icon that stays pressed while `on`.
pub fn icon_toggle(ui: &mut Ui, icon: Icon, label: &str, on: &mut bool) -> Response {
    let t = tokens(ui);
    let response = icon_button_toned(ui, icon, label, if *on { t.accent } else { t.weak }, *on);
    if response.clicked() {
        *on = !*on;
    }
    let (enabled, state) = (response.enabled(), *on);
    response.widget_info(|| WidgetInfo::selected(Role::Button, enabled, state, label));
    response
}

/// An icon alone in a given colour.
pub fn icon_button_toned(ui: &mut Ui, icon: Icon, label: &str, colour: Color32, selected: bool) -> Response {
    let old = ui.spacing().button_padding;
    ui.spacing_mut().button_padding = vec2(4.0, 3.0);
    let button = Button::selectable(selected, icon_text(Some(icon), "", size::STRONG, colour))
        .frame_when_inactive(selected)
        .min_size(vec2(size::CONTROL, size::CONTROL));
    let response = ui.add(button);
    ui.spacing_mut().button_padding = old;
    name(&response, Role::Button, label);
    response.on_hover_text(label)
}

/// Words side by side of which one is chosen. True when the choice changed.
pub fn segmented<T: PartialEq + Clone>(ui: &mut Ui, label: &str, value: &mut T, options: &[(T, &str)]) -> bool {
    let mut changed = false;
    let t = tokens(ui);
    let frame = Frame::new().fill(t.canvas).stroke(Stroke::new(1.0, t.line));
    bars::whole(ui, |ui| {
        frame.corner_radius(CornerRadius::same(size::RADIUS)).show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 0.0;
                for (option, text) in options {
                    let on = *option == *value;
                    let colour = if on { t.text } else { t.weak };
                    let button = Button::selectable(on, icon_text(None, text, size::BODY, colour))
                        .frame_when_inactive(on)
                        .min_size(vec2(0.0, size::HIT));
                    let response = ui.add(button);
                    let enabled = response.enabled();
                    response.widget_info(|| {
                        WidgetInfo::selected(Role::RadioButton, enabled, on, format!("{label}: {text}"))
                    });
                    if response.clicked() && !on {
                        *value = option.clone();
                        changed = true;
                    }
                }
            });
        });
    });
    changed
}

/// Text of second rank.
pub fn weak(ui: &mut Ui, text: impl Into<String>) -> Response {
    let t = tokens(ui);
    ui.label(RichText::new(text).size(size::SMALL).color(t.weak))
}

/// Text in the colour of a tone.
pub fn toned(ui: &mut Ui, tone: Tone, text: impl Into<String>) -> Response {
    let t = tokens(ui);
    ui.label(RichText::new(text).color(tone.colour(t)))
}

/// Title of a view.
pub fn title(ui: &mut Ui, text: &str) -> Response {
    heading(ui, text, size::TITLE)
}

/// Heading of a section, with space above.
pub fn section(ui: &mut Ui, text: &str) -> Response {
    ui.add_space(size::XS);
    heading(ui, text, size::STRONG)
}

fn heading(ui: &mut Ui, text: &str, size: f32) -> Response {
    let t = tokens(ui);
    let response = ui.label(RichText::new(text).size(size).color(t.text));
    name(&response, Role::Heading, text);
    response
}

/// A word in a small rounded frame.
pub fn badge(ui: &mut Ui, tone: Tone, text: &str) -> Response {
    let t = tokens(ui);
    let colour = tone.colour(t);
    let galley = ui.painter().layout_no_wrap(text.to_owned(), FontId::proportional(size::SMALL), colour);
    let (rect, response) = ui.allocate_exact_size(galley.size() + vec2(12.0, 4.0), Sense::hover());
    ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS), colour.gamma_multiply(0.14));
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, colour);
    name(&response, Role::Label, text);
    response
}

/// A one-line text field of control height; `label` is its name.
pub fn text_field(ui: &mut Ui, text: &mut String, hint: &str, width: f32, label: &str) -> Response {
    let field = egui::TextEdit::singleline(text)
        .hint_text(hint)
        .desired_width(width)
        .min_size(vec2(0.0, size::CONTROL))
        .align(egui::Align2::LEFT_CENTER);
    let response = ui.add(field);
    let enabled = response.enabled();
    response.widget_info(|| WidgetInfo {
        label: Some(label.into()),
        ..WidgetInfo::text_edit(enabled, "", text.as_str(), hint)
    });
    response
}

/// An icon in a colour, not clickable; `label` says what it means.
pub fn icon(ui: &mut Ui, icon: Icon, font: f32, colour: Color32, label: &str) -> Response {
    let response = ui.add(egui::Label::new(icon.rich_text().size(font).color(colour)).sense(Sense::hover()));
    name(&response, Role::Image, label);
    if label.is_empty() { response } else { response.on_hover_text(label) }
}

/// A dialog over the whole window, with room inside.
pub fn dialog(ctx: &egui::Context, id: &str) -> egui::Modal {
    let t = super::tokens_of(ctx);
    let frame = Frame::new()
        .fill(t.raised)
        .stroke(Stroke::new(1.0, t.line))
        .corner_radius(CornerRadius::same(size::RADIUS_CARD))
        .shadow(ctx.global_style().visuals.window_shadow)
        .inner_margin(Margin::same(size::XL as i8));
    egui::Modal::new(egui::Id::unique(("dialog", id))).frame(frame)
}

/// Sliders that are drawn after this lie on the canvas, not on a panel: their rail needs a colour of its own to be seen.
pub fn sliders_on_canvas(ui: &mut Ui) {
    let raised = tokens(ui).raised;
    let widgets = &mut ui.visuals_mut().widgets;
    (widgets.inactive.bg_fill, widgets.hovered.bg_fill) = (raised, raised);
}

/// A card: raised, rounded, with room inside.
pub fn card<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> InnerResponse<R> {
    let t = tokens(ui);
    Frame::new()
        .fill(t.raised)
        .stroke(Stroke::new(1.0, t.line))
        .corner_radius(CornerRadius::same(size::RADIUS_CARD))
        .inner_margin(Margin::same(size::M as i8))
        .show(ui, add)
}

/// A card that is clicked as a whole (Enter and Space too); `label` is its name. Draw nothing clickable inside.
pub fn clickable_card<R>(ui: &mut Ui, label: &str, selected: bool, add: impl FnOnce(&mut Ui) -> R) -> InnerResponse<R> {
    let t = tokens(ui);
    let mut frame = Frame::new()
        .fill(if selected { t.selected } else { t.raised })
        .stroke(Stroke::new(1.0, if selected { t.accent } else { t.line }))
        .corner_radius(CornerRadius::same(size::RADIUS_CARD))
        .inner_margin(Margin::same(size::M as i8))
        .begin(ui);
    let inner = add(&mut frame.content_ui);
    let rect = frame.content_ui.min_rect() + frame.frame.inner_margin;
    let response = ui.interact(rect, ui.scope_id().with(("card", label)), Sense::click());
    if response.hovered() || response.has_focus() {
        frame.frame.stroke = Stroke::new(1.0, if response.has_focus() { t.accent } else { t.disabled });
        if !selected {
            frame.frame.fill = t.hover;
        }
    }
    frame.end(ui);
    let enabled = response.enabled();
    response.widget_info(|| WidgetInfo::selected(Role::Button, enabled, selected, label));
    InnerResponse::new(inner, response)
}

/// A page with margins that scrolls if it must.
pub fn page<R>(ui: &mut Ui, id: &str, add: impl FnOnce(&mut Ui) -> R) -> R {
    egui::ScrollArea::vertical()
        .id_salt(id)
        .auto_shrink(false)
        .show(ui, |ui| Frame::new().inner_margin(Margin::same(size::XL as i8)).show(ui, add).inner)
        .inner
}

/// Room above the words of an empty state that is so high: less where they would not fit below it.
pub fn above_empty(height: f32) -> f32 {
    const WORDS: f32 = 230.0;
    (height * 0.3).min(height - WORDS).clamp(size::S, 240.0)
}

/// What a view shows while there is nothing: an icon, a sentence, and the button that does the next thing.
/// Returns the button's response.
pub fn empty_state(ui: &mut Ui, icon: Icon, title: &str, text: &str, action: Option<&str>) -> Option<Response> {
    let t = tokens(ui);
    let mut out = None;
    ui.vertical_centered(|ui| {
        ui.add_space(above_empty(ui.available_height()));
        ui.label(icon.rich_text().size(size::ICON_LARGE * 2.0).color(t.disabled));
        ui.add_space(size::S);
        heading(ui, title, size::STRONG);
        ui.scope(|ui| {
            ui.set_max_width((ui.available_width() - 2.0 * size::L).min(420.0));
            ui.label(RichText::new(text).color(t.weak));
        });
        ui.add_space(size::S);
        out = action.map(|action| primary_button(ui, None, action));
    });
    out
}

/// The shape of what comes, while it is on its way.
pub fn skeleton(ui: &mut Ui, desired: egui::Vec2) -> Response {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(desired, Sense::hover());
    ui.painter().rect_filled(rect, CornerRadius::same(size::RADIUS), t.raised);
    response
}

/// A thin bar for a share from 0 to 1; `None` while it is unknown.
pub fn progress(ui: &mut Ui, share: Option<f32>, width: f32, label: &str) -> Response {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(width, 6.0), Sense::hover());
    let radius = CornerRadius::same(3);
    ui.painter().rect_filled(rect, radius, t.line);
    let filled = match share {
        Some(share) => rect.with_max_x(rect.left() + rect.width() * share.clamp(0.0, 1.0)),
        None => egui::Rect::from_center_size(rect.center(), vec2(rect.width() * 0.3, rect.height())),
    };
    ui.painter().rect_filled(filled, radius, t.accent);
    let value = share.map_or(String::new(), |s| format!(" {:.0} %", s * 100.0));
    name(&response, Role::ProgressIndicator, &format!("{label}{value}"));
    response
}

/// A problem, with its detail folded below and a button that copies it. True when copying was asked for.
pub fn problem(ui: &mut Ui, problem: &crate::base::Problem) -> bool {
    use egui_material_icons::icons::{ICON_CONTENT_COPY, ICON_ERROR, ICON_INFO, ICON_WARNING};
    let t = tokens(ui);
    let glyph = match problem.severity {
        Severity::Info => ICON_INFO,
        Severity::Warning => ICON_WARNING,
        Severity::Error => ICON_ERROR,
    };
    let mut copy = false;
    ui.horizontal_top(|ui| {
        icon(ui, glyph, size::ICON, Tone::from(problem.severity).colour(t), "");
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.add(egui::Label::new(&problem.what).wrap());
            if let Some(subject) = &problem.subject {
                ui.add(egui::Label::new(RichText::new(subject).size(size::SMALL).color(t.weak)).wrap());
            }
            if let Some(remedy) = &problem.remedy {
                ui.add(egui::Label::new(RichText::new(remedy).color(t.weak)).wrap());
            }
            if let Some(detail) = &problem.detail {
                egui::CollapsingHeader::new(RichText::new("Detail").size(size::SMALL).color(t.weak))
                    .id_salt((&problem.what, detail))
                    .show(ui, |ui| {
                        ui.add(
                            egui::Label::new(RichText::new(detail).monospace().color(t.weak)).wrap().selectable(true),
                        );
                        copy = quiet_button(ui, Some(ICON_CONTENT_COPY), "Copy").clicked();
                    });
            }
        });
    });
    copy
}
