//! The present picture, large, with everything that moves it: seed, truncation, one slider a dimension.

use egui::{ComboBox, DragValue, Sense, Slider, Ui, Vec2, vec2};
use egui_material_icons::icons::{
    ICON_ACCOUNT_TREE, ICON_CASINO, ICON_CONTENT_COPY, ICON_IOS_SHARE, ICON_RESTART_ALT, ICON_STAR,
};

use super::ExploreView;
use super::page::PageActions;
use super::tabs::sliders::order;
use super::viewpoint::random_seed;
use crate::base::Family;
use crate::models::info::ModelInfo;
use crate::recipe::picture::{Latent, Space};
use crate::ui::action::Action;
use crate::ui::textures;
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::widgets::latent_slot::{Dropped, drag_latent, latent_label, take_drop};

/// Sliders shown before "more".
const FIRST: usize = 8;
/// KL below which a dimension says nothing, in nats.
const ASLEEP: f32 = 0.01;

impl ExploreView {
    pub(super) fn show_inspector(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, out: &mut PageActions) {
        self.portrait(ui, cx, info, out);
        if !self.state.provenance.is_empty() {
            let said = egui::RichText::new(&self.state.provenance).size(size::SMALL).color(theme::tokens(ui).weak);
            let help = format!("Where this picture came from: {}", self.state.provenance);
            ui.add(egui::Label::new(said).truncate()).on_hover_text(help);
        }
        self.seed_row(ui, out);
        self.class_rows(ui, info, out);
        self.truncation(ui, info, out);
        self.sliders(ui, info, out);
    }

    fn portrait(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, out: &mut PageActions) {
        let width = ui.available_width();
        let ctx = ui.ctx().clone();
        let response = match self.present.tex(0, cx.textures, &ctx) {
            Some(tex) => textures::picture(ui, &tex, Vec2::splat(width), Sense::click_and_drag(), "This picture"),
            None => theme::skeleton(ui, Vec2::splat(width)),
        };
        let here = self.state.here.clone();
        drag_latent(&response, &info.model, &here.latent, here.truncation, self.present.picture(0));
        match take_drop(ui, &response, cx.studio, Some(info)) {
            Some(Dropped::Latent(latent)) => out.open = Some(latent),
            Some(Dropped::File(path)) => out.photo = Some(path),
            Some(Dropped::Foreign) => out.foreign = true,
            None => {}
        }
        ui.horizontal(|ui| {
            let kept = self.is_kept(&here);
            let t = theme::tokens(ui);
            let colour = if kept { t.accent } else { t.text };
            let label = if kept { "Kept in the gallery" } else { "Keep in the gallery (.)" };
            if theme::icon_button_toned(ui, ICON_STAR, label, colour, false).clicked() && !kept {
                out.keep = vec![here.latent.clone()];
            }
            if theme::icon_button(ui, ICON_CONTENT_COPY, "Copy picture").clicked()
                && let Some(picture) = self.present.picture(0)
            {
                cx.push(Action::CopyPicture(picture.clone()));
            }
            if theme::icon_button(ui, ICON_ACCOUNT_TREE, "Where does this come from?").clicked() {
                out.origin = Some(here.latent.clone());
            }
            if theme::icon_button(ui, ICON_IOS_SHARE, "Export this picture…").clicked() {
                out.export = Some((vec![here.latent.clone()], "sample", 0, Some("png")));
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if let Some(pace) = self.present.pace().filter(|_| !cx.still) {
                    theme::weak(ui, format!("{:.0} ms", pace * 1000.0)).on_hover_text("Time this picture took");
                }
                theme::weak(ui, format!("{} × {}", info.resolution.width, info.resolution.height));
            });
        });
    }

    fn seed_row(&mut self, ui: &mut Ui, out: &mut PageActions) {
        ui.horizontal(|ui| {
            let here = &mut self.state.here;
            match here.latent.seed() {
                Some(mut seed) => {
                    let field = DragValue::new(&mut seed).prefix("seed ").speed(0.2);
                    if ui.add_sized(vec2(140.0, size::CONTROL), field).accessible_name("Seed").changed() {
                        here.latent = here.classed(&Latent::Seed { seed });
                        out.label = Some("change the seed");
                    }
                }
                None => {
                    let t = theme::tokens(ui);
                    let text = egui::RichText::new(latent_label(&here.latent)).color(t.weak);
                    ui.add_sized(vec2(140.0, size::CONTROL), egui::Label::new(text))
                        .on_hover_text("A place between seeds, or moved by a slider");
                }
            }
            if theme::icon_button(ui, ICON_CASINO, "Random seed (R)").clicked() {
                out.open = Some(random_seed());
                out.label = Some("take a random seed");
            }
        });
    }

    /// The class of what is made, or a blend of two.
    fn class_rows(&mut self, ui: &mut Ui, info: &ModelInfo, out: &mut PageActions) {
        let names = if info.recipe.model.conditional { info.recipe.model.classes.as_slice() } else { &[] };
        if names.is_empty() {
            return;
        }
        let now = self.state.here.latent.class();
        let mut first = now.first().map(|c| c.0);
        let mut second = now.get(1).map(|c| c.0);
        let whole: f32 = now.iter().map(|c| c.1).sum();
        let mut share = now.get(1).map_or(0.5, |c| c.1 / whole.max(f32::EPSILON));
        let before = (first, second, share);
        let choice = |ui: &mut Ui, label: &str, none: &str, value: &mut Option<u32>| {
            let name = |c: u32| names.get(c as usize).map_or_else(|| c.to_string(), Clone::clone);
            let text = value.map_or_else(|| none.to_owned(), name);
            let combo = ComboBox::from_id_salt(label).selected_text(text).width(ui.available_width()).truncate();
            let combo = combo.show_ui(ui, |ui| {
                ui.selectable_value(value, None, none);
                for c in 0..names.len() as u32 {
                    ui.selectable_value(value, Some(c), name(c));
                }
            });
            combo.response.accessible_name(label.to_owned());
        };
        ui.add_space(size::XS);
        theme::weak(ui, "Class").on_hover_text("Of all that is made here, but for what has a class of its own");
        choice(ui, "Class", "By chance, seed by seed", &mut first);
        if first.is_some() {
            choice(ui, "Blend with", "Nothing blended in", &mut second);
        }
        if second.is_some() {
            ui.spacing_mut().slider_width = (ui.available_width() - 64.0).max(60.0);
            ui.add(Slider::new(&mut share, 0.0..=1.0).max_decimals(2)).accessible_name("Blend");
        }
        if (first, second, share) != before {
            let class: Vec<(u32, f32)> = match (first, second) {
                (None, _) => Vec::new(),
                (Some(a), None) => vec![(a, 1.0)],
                (Some(a), Some(b)) => vec![(a, 1.0 - share), (b, share)],
            };
            self.state.here.latent = self.state.here.latent.with_class(&class);
            out.label = Some("choose a class");
        }
    }

    fn truncation(&mut self, ui: &mut Ui, info: &ModelInfo, out: &mut PageActions) {
        let (name, help) = match info.family {
            Family::Gan => ("Truncation", "Lower gives more usual and cleaner pictures, higher more varied ones"),
            Family::Vae | Family::Tokens | Family::Prior => {
                ("Temperature", "Lower gives more usual pictures, higher more varied ones")
            }
        };
        ui.add_space(size::XS);
        let value = &mut self.state.here.truncation;
        ui.horizontal(|ui| {
            theme::weak(ui, name).on_hover_text(help);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if *value != 1.0
                    && theme::icon_button(ui, ICON_RESTART_ALT, &format!("Reset {}", name.to_lowercase())).clicked()
                {
                    *value = 1.0;
                    out.label = Some("reset truncation");
                }
            });
        });
        ui.spacing_mut().slider_width = (ui.available_width() - 64.0).max(60.0);
        if ui.add(Slider::new(value, 0.0..=2.0).max_decimals(2)).accessible_name(name).on_hover_text(help).changed() {
            out.label = Some(if info.family == Family::Gan { "change truncation" } else { "change temperature" });
        }
    }

    fn sliders(&mut self, ui: &mut Ui, info: &ModelInfo, out: &mut PageActions) {
        let dim = info.latent as usize;
        theme::section(ui, "Dimensions");
        let order = order(info);
        let known = info.kl.len() == dim;
        let awake = if known { info.kl.iter().filter(|k| **k > ASLEEP).count() } else { dim };
        let shown = if self.all_sliders { dim } else { FIRST.min(dim) };
        if known {
            theme::weak(ui, format!("Sorted by KL; {awake} of {dim} in use"));
        }
        let mut values = self.state.here.latent.values(dim);
        let styles = self.state.here.latent.place().space == Space::W;
        let mut changed = None;
        ui.spacing_mut().slider_width = (ui.available_width() - 40.0 - 64.0 - size::S).max(60.0);
        // Numbers with and without a sign are equally wide, so that they end below each other.
        ui.spacing_mut().interact_size.x = 56.0;
        for &d in &order[..shown] {
            ui.horizontal(|ui| {
                ui.scope(|ui| {
                    ui.set_width(32.0);
                    let label = theme::weak(ui, format!("{}{d}", if styles { 'w' } else { 'z' }));
                    let kl = info.kl.get(d).map_or_else(String::new, |k| format!(", KL {k:.3} nats"));
                    label.on_hover_text(if styles {
                        format!("Dimension {d} of the styles: those of all layers move alike")
                    } else {
                        format!("Dimension {d}{kl}")
                    });
                });
                let slider = Slider::new(&mut values[d], -3.0..=3.0)
                    .clamping(egui::SliderClamping::Never)
                    .trailing_fill(false)
                    .fixed_decimals(2);
                if ui.add(slider).accessible_name(format!("Dimension {d}")).changed() {
                    changed = Some(d);
                }
            });
        }
        if let Some(d) = changed {
            self.state.here.latent = self.state.here.latent.with_number(dim, d, values[d]);
            out.label = Some("move a slider");
        }
        if dim > FIRST {
            let text = if self.all_sliders { "Fewer".to_string() } else { format!("More: all {dim}") };
            if theme::quiet_button(ui, None, &text).clicked() {
                self.all_sliders = !self.all_sliders;
            }
        }
    }
}
