//! Width and height of pictures: one number while they are linked, two when they are not.

use egui::{DragValue, Response, Slider, Ui, vec2};
use egui_material_icons::icons::{ICON_LINK, ICON_LINK_OFF};
use serde_json::{Value, json};

use super::control::{ENTRY, Outcome};
use crate::base::Resolution;
use crate::recipe::form::Field;
use crate::ui::theme::{self, size};

fn sides(value: &Value) -> Resolution {
    serde_json::from_value(value.clone()).unwrap_or(Resolution::square(Resolution::MIN_SIDE))
}

/// Entries of both sides, and what links them.
pub fn entry(
    ui: &mut Ui,
    field: &Field,
    value: &Value,
    (min, max, step, ratio): (i64, i64, i64, i64),
    out: &mut Outcome,
) {
    let mut now = sides(value);
    // Whether a person took the sides of a square apart.
    let id = egui::Id::unique((field.key, "sides apart"));
    let unlinked = ui.data(|d| d.get_temp::<bool>(id)).unwrap_or_default() || !now.is_square();
    let drag = |ui: &mut Ui, side: &mut u32, wide: f32, suffix: &str| {
        let (min, max) = (min as u32, max as u32);
        let drag = DragValue::new(side).range(min..=max).speed(step as f64 * 0.25).update_while_editing(false);
        let response = ui.add(drag.min_size(vec2(wide, size::HIT)).suffix(suffix.to_owned()));
        *side = (*side / step as u32 * step as u32).clamp(min, max);
        response
    };
    let unit = format!(" {}", field.unit);
    let follow = |out: &mut Outcome, response: &Response, size: Resolution| out.watch(response, || json!(size));
    if unlinked {
        let narrow = ENTRY * 0.66;
        let height = drag(ui, &mut now.height, narrow, &unit).accessible_name(format!("{}: height", field.title));
        theme::weak(ui, "×");
        let width = drag(ui, &mut now.width, narrow, "").accessible_name(format!("{}: width", field.title));
        // The side that is not held follows where the ratio ends.
        let ratio = ratio as u32;
        if height.changed() {
            now.width = now.width.clamp(now.height.div_ceil(ratio), now.height * ratio);
        } else if width.changed() {
            now.height = now.height.clamp(now.width.div_ceil(ratio), now.width * ratio);
        }
        let now = now.nearest_allowed();
        follow(out, &height, now);
        follow(out, &width, now);
    } else {
        let both = drag(ui, &mut now.width, ENTRY, &unit).accessible_name(field.title);
        follow(out, &both, Resolution::square(now.width));
    }
    let t = theme::tokens(ui);
    let (icon, help, tone) = if unlinked {
        (ICON_LINK_OFF, "Link width and height: squares", t.accent)
    } else {
        (ICON_LINK, "Set width and height apart", t.weak)
    };
    if theme::icon_button_toned(ui, icon, &format!("{}: {help}", field.title), tone, unlinked).clicked() {
        ui.data_mut(|d| d.insert_temp(id, !unlinked));
        if unlinked && !now.is_square() {
            out.set(json!(now.shorter()), true);
        }
    }
}

/// A slider that makes pictures larger and smaller in their shape.
pub fn slider(ui: &mut Ui, field: &Field, value: &Value, (min, max, step): (i64, i64, i64), out: &mut Outcome) {
    let now = sides(value);
    ui.spacing_mut().slider_width = ui.available_width();
    // The longer side leads, so that no side leaves the range.
    let least = (min as u32 * now.longer()).div_ceil(now.shorter().max(1)).next_multiple_of(step as u32);
    let mut longer = now.longer();
    let slider = Slider::new(&mut longer, least..=max as u32).show_value(false).step_by(step as f64);
    let logarithmic = max as u32 >= 8 * least;
    let response = ui.add(slider.logarithmic(logarithmic)).accessible_name(field.title);
    let scaled = |side: u32| (f64::from(side) * f64::from(longer) / f64::from(now.longer().max(1))).round() as u32;
    let size = Resolution::new(scaled(now.width), scaled(now.height)).nearest_allowed();
    out.watch(&response, || json!(size));
}
