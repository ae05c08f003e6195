//! The controls of one setting: exact entry beside the title, a slider or the parts of a schedule below.

use egui::{Button, Checkbox, ComboBox, DragValue, Response, Slider, TextEdit, Ui};
use serde_json::{Value, json};

use super::sides;
use super::words;
use crate::recipe::form::{Field, Input};
use crate::ui::theme::{self, size};

/// Width of an entry field, in points.
pub(super) const ENTRY: f32 = 84.0;

/// What a person did to a setting this frame.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The new value.
    pub value: Option<Value>,
    /// A control is being dragged or typed into.
    pub busy: bool,
    /// A control was let go.
    pub released: bool,
}

impl Outcome {
    /// A new value; `done` if nothing more will follow.
    pub fn set(&mut self, value: Value, done: bool) {
        self.value = Some(value);
        self.released |= done;
    }

    pub(super) fn watch(&mut self, response: &Response, value: impl FnOnce() -> Value) {
        self.busy |= response.dragged();
        if response.changed() {
            self.value = Some(value());
        }
        self.released |= response.drag_stopped() || response.changed() && !response.dragged();
    }
}

/// The control beside the title.
///
/// `refuse` says why a value cannot be chosen.
pub fn entry(ui: &mut Ui, field: &Field, value: &Value, refuse: &dyn Fn(&Value) -> Option<String>, out: &mut Outcome) {
    match field.input {
        Input::Bool => {
            let mut on = value.as_bool().unwrap_or(false);
            let why = refuse(&json!(!on));
            let response = ui.add_enabled(why.is_none(), Checkbox::new(&mut on, "")).accessible_name(field.title);
            out.watch(&response, || json!(on));
            if let Some(why) = why {
                response.on_disabled_hover_text(why);
            }
        }
        Input::Choice { options } => {
            let now = value.as_str().unwrap_or_default();
            let combo = ComboBox::from_id_salt(field.key)
                .selected_text(words::option_title(field.key, now))
                .width(132.0)
                // The longest list without scrolling.
                .height(420.0)
                .truncate()
                .height(480.0)
                .show_ui(ui, |ui| {
                    for option in options {
                        let why = if *option == now { None } else { refuse(&json!(option)) };
                        let label = Button::selectable(*option == now, words::option_title(field.key, option));
                        let label = ui.add_enabled(why.is_none(), label);
                        let label = label.on_disabled_hover_text(why.unwrap_or_default());
                        if label.clicked() {
                            out.set(json!(option), true);
                        }
                    }
                });
            combo.response.accessible_name(field.title);
        }
        Input::Colour => {
            let part = |i: usize| value.get(i).and_then(Value::as_u64).unwrap_or(255) as u8;
            let mut colour = [part(0), part(1), part(2)];
            let response = ui.color_edit_button_srgb(&mut colour).accessible_name(field.title);
            if response.changed() {
                out.set(json!(colour), true);
            }
        }
        Input::Text => {
            let mut text = value.as_str().unwrap_or_default().to_owned();
            let response = ui.add(TextEdit::singleline(&mut text).desired_width(140.0).clip_text(true));
            let response = response.accessible_name(field.title);
            out.busy |= response.has_focus();
            if response.changed() {
                out.value = Some(json!(text));
            }
            out.released |= response.lost_focus();
        }
        Input::List => {
            let count = value.as_array().map_or(0, Vec::len);
            if count > 0 {
                let clear = theme::quiet_button(ui, None, "Include all");
                if clear.on_hover_text("Includes the left-out pictures again").clicked() {
                    out.set(json!([]), true);
                }
            }
            theme::weak(ui, if count == 0 { "none".into() } else { count.to_string() });
        }
        Input::Int { min, max, step } => {
            let mut v = value.as_i64().unwrap_or(min);
            let shown = if field.unit.is_empty() { String::new() } else { format!(" {}", unit(field)) };
            let drag = DragValue::new(&mut v)
                .range(min..=max)
                .speed(step as f64 * if max > 2000 { 2.0 } else { 0.25 })
                .min_size(egui::vec2(ENTRY, size::HIT))
                .update_while_editing(false)
                .suffix(shown);
            let drag = match words::zero(field.key) {
                Some(word) => drag
                    .custom_formatter(move |v, _| if v == 0.0 { word.into() } else { format!("{v:.0}") })
                    .custom_parser(move |text| if text.trim() == word { Some(0.0) } else { text.trim().parse().ok() }),
                None => drag,
            };
            let response = ui.add(drag).accessible_name(field.title);
            out.watch(&response, || json!((v / step * step).clamp(min, max)));
        }
        Input::Size { min, max, step, ratio } => sides::entry(ui, field, value, (min, max, step, ratio), out),
        Input::Float { min, max, log } => {
            let mut v = value.as_f64().unwrap_or(min);
            let response = number(ui, &mut v, min, max, log, unit(field)).accessible_name(field.title);
            out.watch(&response, || json!(v));
        }
        Input::Schedule { min, max, log } => {
            let mut s = Parts::of(value);
            let changing = s.changes();
            let help = if changing { "Use one value throughout" } else { "Vary it over the run" };
            let icon = egui_material_icons::icons::ICON_SHOW_CHART;
            if !changing {
                let response = number(ui, &mut s.start, min, max, log, unit(field)).accessible_name(field.title);
                let now = s.constant();
                out.watch(&response, || now.json());
            }
            let t = theme::tokens(ui);
            let colour = if changing { t.accent } else { t.weak };
            let toggle = theme::icon_button_toned(ui, icon, &format!("{}: {help}", field.title), colour, changing);
            if toggle.clicked() {
                let next = if changing { s.constant() } else { s.changing(min) };
                out.set(next.json(), true);
            }
        }
    }
}

/// What stands below the title: a slider, or the parts of a schedule that changes.
pub fn below(ui: &mut Ui, field: &Field, value: &Value, out: &mut Outcome) {
    match field.input {
        Input::Int { min, max, step } if max <= 4096 => {
            let mut v = value.as_i64().unwrap_or(min);
            ui.spacing_mut().slider_width = ui.available_width();
            let slider = Slider::new(&mut v, min..=max).show_value(false).step_by(step as f64);
            let response = ui.add(slider.logarithmic(max >= 100 * min.max(1))).accessible_name(field.title);
            out.watch(&response, || json!((v / step * step).clamp(min, max)));
        }
        Input::Size { min, max, step, .. } => sides::slider(ui, field, value, (min, max, step), out),
        Input::Float { min, max, log } => {
            let mut v = value.as_f64().unwrap_or(min);
            let response = slider(ui, &mut v, min, max, log).accessible_name(field.title);
            out.watch(&response, || json!(v));
        }
        Input::Schedule { min, max, log } => {
            let mut s = Parts::of(value);
            if !s.changes() {
                let response = slider(ui, &mut s.start, min, max, log).accessible_name(field.title);
                let now = s.constant();
                out.watch(&response, || now.json());
                return;
            }
            schedule(ui, field, s, (min, max, log), out);
        }
        _ => {}
    }
}

fn schedule(ui: &mut Ui, field: &Field, mut s: Parts, (min, max, log): (f64, f64, bool), out: &mut Outcome) {
    let before = s.clone();
    egui::Grid::new("schedule").num_columns(4).spacing([size::S, size::XS]).show(ui, |ui| {
        theme::weak(ui, "from");
        let a = number(ui, &mut s.start, min, max, log, "").accessible_name(format!("{}: start", field.title));
        theme::weak(ui, "to");
        let b = number(ui, &mut s.end, min, max, log, "").accessible_name(format!("{}: end", field.title));
        ui.end_row();
        theme::weak(ui, "over");
        let c = number(ui, &mut s.kimg, 0.0, 1e7, true, "kimg").accessible_name(format!("{}: length", field.title));
        theme::weak(ui, "as");
        let mut curve = s.curve.clone();
        let combo = ComboBox::from_id_salt("curve")
            .selected_text(words::option_title("", &curve))
            .width(ENTRY)
            .show_ui(ui, |ui| {
                for option in ["cosine", "linear"] {
                    ui.selectable_value(&mut curve, option.to_owned(), words::option_title("", option));
                }
            });
        combo.response.accessible_name(format!("{}: shape", field.title));
        ui.end_row();
        for response in [&a, &b, &c] {
            out.watch(response, || s.json());
        }
        if curve != before.curve {
            s.curve = curve;
            out.set(s.json(), true);
        }
    });
}

fn unit(field: &Field) -> &'static str {
    // Long units stand in the help; the entry is narrow.
    match field.unit {
        "pictures" | "channels" => "",
        unit => unit,
    }
}

/// Exact entry; dragging changes it, on a log scale by factors.
fn number(ui: &mut Ui, v: &mut f64, min: f64, max: f64, log: bool, unit: &str) -> Response {
    let speed = if log { (v.abs() * 0.01).max(min.max(1e-9)) } else { (max - min) * 0.002 };
    let drag = DragValue::new(v)
        .range(min..=max)
        .speed(speed)
        .min_size(egui::vec2(ENTRY, size::HIT))
        .update_while_editing(false)
        .custom_formatter(|v, _| words::short(v))
        .custom_parser(|text| text.trim().replace(',', ".").parse().ok())
        .suffix(if unit.is_empty() { String::new() } else { format!(" {unit}") });
    ui.add(drag)
}

fn slider(ui: &mut Ui, v: &mut f64, min: f64, max: f64, log: bool) -> Response {
    ui.spacing_mut().slider_width = ui.available_width();
    let mut slider = Slider::new(v, min..=max).show_value(false);
    if log {
        // From zero a log scale would never arrive: it begins eight powers of ten below the top.
        slider = slider.logarithmic(true).smallest_positive(if min > 0.0 { min } else { (max * 1e-8).max(1e-4) });
        slider = slider.custom_formatter(|v, _| words::short(v));
    }
    ui.add(slider)
}

/// A schedule taken apart.
#[derive(Clone, Debug)]
struct Parts {
    start: f64,
    end: f64,
    kimg: f64,
    curve: String,
}

impl Parts {
    fn of(value: &Value) -> Self {
        let part = |name: &str| value[name].as_f64();
        let start = part("start").or_else(|| value.as_f64()).unwrap_or(0.0);
        Self {
            start,
            end: part("end").unwrap_or(start),
            kimg: part("kimg").unwrap_or(0.0),
            curve: value["curve"].as_str().unwrap_or("cosine").to_owned(),
        }
    }

    fn changes(&self) -> bool {
        self.kimg > 0.0
    }

    fn constant(&self) -> Self {
        Self { end: self.start, kimg: 0.0, ..self.clone() }
    }

    fn changing(&self, min: f64) -> Self {
        Self { end: (self.start * 0.25).max(min), kimg: 100.0, ..self.clone() }
    }

    fn json(&self) -> Value {
        json!({ "start": self.start, "end": self.end, "kimg": self.kimg, "curve": self.curve })
    }
}
