//! Choices and hints that several pages have.

use std::sync::Arc;

use egui::{ComboBox, Rect, Response, Ui, Vec2, pos2};

use super::page::PageActions;
use crate::base::Picture;
use crate::latent::even_spacing::Measure;
use crate::latent::interpolate::Mode;
use crate::latent::latent_math;
use crate::recipe::picture::Latent;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, Icon, size};
use crate::ui::view::Cx;

/// Puts the next bar right under the last one.
pub fn close_up(ui: &mut Ui) {
    ui.add_space(-ui.spacing().item_spacing.y);
}

/// The empty state of a page, with the present picture over it: what the page would be about.
pub fn empty_state(
    ui: &mut Ui,
    cx: &mut Cx<'_>,
    picture: Option<&Arc<Picture>>,
    (icon, title, text): (Icon, &str, &str),
    action: Option<&str>,
) -> Option<Response> {
    let room = ui.available_rect_before_wrap();
    // As far down as the words begin.
    let above = theme::above_empty(room.height()) - size::M;
    let side = above.min(112.0);
    if let Some(picture) = picture.filter(|_| side >= 64.0) {
        let tex = cx.textures.get(&ui.ctx().clone(), key("empty state"), Arc::as_ptr(picture) as u64, picture);
        let rect = Rect::from_center_size(pos2(room.center().x, room.top() + above - side / 2.0), Vec2::splat(side));
        textures::paint(ui.painter(), rect, &tex, theme::tokens(ui));
    }
    theme::empty_state(ui, icon, title, text, action)
}

/// What is taken for visible change. True when it changed.
pub fn measure_choice(ui: &mut Ui, name: &str, measure: &mut Measure) -> bool {
    let before = *measure;
    let combo = ComboBox::from_id_salt(name).selected_text(measure.title()).width(84.0).show_ui(ui, |ui| {
        for m in [Measure::Pixels, Measure::Features] {
            ui.selectable_value(measure, m, m.title()).on_hover_text(m.help());
        }
    });
    combo.response.accessible_name(name).on_hover_text(measure.help());
    *measure != before
}

/// Says where latents and styles meet, which cannot be blended as they are.
pub fn mixed_spaces(ui: &mut Ui, latents: &[Latent]) {
    if !latents.is_empty() && latent_math::space_of(latents).is_err() {
        theme::toned(ui, theme::Tone::Warn, "Seeds and styles jump")
            .on_hover_text("A seed and styles cannot be blended here: halfway one gives place to the other");
    }
}

/// Straight or along the sphere.
pub fn mode_choice(ui: &mut Ui, mode: &mut Mode, out: &mut PageActions) {
    let text = |m: Mode| match m {
        Mode::Slerp => "Spherical",
        Mode::Lerp => "Straight",
    };
    let combo = ComboBox::from_id_salt("mode").selected_text(text(*mode)).width(96.0).show_ui(ui, |ui| {
        for (m, help) in [
            (
                Mode::Slerp,
                "Slerp: direction along the sphere, length evenly; every picture between is as likely as its ends",
            ),
            (Mode::Lerp, "Lerp: the straight line, which dips through shorter latents"),
        ] {
            if ui.selectable_value(mode, m, text(m)).on_hover_text(help).changed() {
                out.label = Some("change how it interpolates");
            }
        }
    });
    combo.response.accessible_name("Interpolation");
}
