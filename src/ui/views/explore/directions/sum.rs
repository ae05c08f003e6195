//! Arithmetic with pictures: a − b + c, each a seed, a picture of the program or one of one's own.

use egui::{Rect, Sense, Ui, Vec2, vec2};
use egui_material_icons::icons::{ICON_ADD, ICON_CLOSE, ICON_REMOVE};
use serde::{Deserialize, Serialize};

use super::super::desk::Desk;
use super::super::feed::{Feed, Wish};
use super::super::lattice::mode_choice;
use super::super::place::{self, Places};
use super::super::{Cx, Out};
use super::styles::Styles;
use crate::latent::interpolate::Mode;
use crate::latent::latent_math::{Dims, space_of};
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::theme::{self, Tone, size};
use crate::ui::widgets::latent_slot::{Anchor, Tile, anchor_field, anchor_slot, drag_latent, tile};

/// Purposes of the dialogs that choose a picture for a term; as many terms as there may be.
pub const PICKS: [&str; 6] = ["term 1", "term 2", "term 3", "term 4", "term 5", "term 6"];
/// Points a side of a term.
const SIDE: f32 = 84.0;

/// A picture in a sum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// Whether it is taken away.
    pub minus: bool,
    /// Which picture.
    pub anchor: Anchor,
}

/// A sum as it is laid out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SumDesk {
    /// Its terms.
    pub terms: Vec<Term>,
    /// Whether the sum keeps the length of its terms.
    pub mode: Mode,
}

impl Default for SumDesk {
    fn default() -> Self {
        let term = |(seed, minus): (f64, bool)| Term { minus, anchor: Anchor::Seed(seed) };
        Self { terms: [(1.0, false), (2.0, true), (3.0, false)].map(term).to_vec(), mode: Mode::Slerp }
    }
}

/// The section's own state.
#[derive(Default)]
pub struct Sum {
    /// The terms' pictures, then that of the sum.
    pub feed: Feed,
    /// Pictures put into terms.
    pub places: Places,
    /// Terms as styles, where some are.
    pub styles: Styles,
}

impl Sum {
    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, desk: &mut Desk, out: &mut Out) {
        theme::section(ui, "Arithmetic");
        let (dims, dim) = (Dims::of(info), info.latent as usize);
        let truncation = desk.here.truncation;
        let own: Vec<Latent> = desk.sum.terms.iter().map(|t| t.anchor.latent(dim)).collect();
        let own = desk.here.all_classed(&own);
        // A style and a latent have no sum; where one is a style, all become some.
        let alike =
            if own.is_empty() || space_of(&own).is_ok() { Some(own.clone()) } else { self.styles.of(&own, info, cx) };
        let sum = alike.map(|alike| {
            let weight = |t: &Term| if t.minus { -1.0 } else { 1.0 };
            let terms: Vec<(f64, &Latent)> = desk.sum.terms.iter().map(weight).zip(&alike).collect();
            dims.sum(&terms, desk.sum.mode)
        });
        let mut latents = own.clone();
        latents.extend(sum.iter().filter_map(|s| s.as_ref().ok().cloned()));
        if !latents.is_empty() {
            self.feed.want(Wish { model: info.model.clone(), latents, truncation }, cx);
        }
        let ctx = ui.ctx().clone();
        let mut remove = None;
        self.places.begin();
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = size::S;
            for (i, latent) in own.iter().enumerate() {
                let n = i + 1;
                ui.vertical(|ui| {
                    ui.set_width(SIDE);
                    let (rect, _) = ui.allocate_exact_size(Vec2::splat(SIDE), Sense::hover());
                    let tex = self.feed.tex(i, cx.textures, &ctx);
                    let name = format!("Term {n}");
                    let look = Tile { tex: tex.as_ref(), name: &name, selected: false, focusable: true };
                    let id = ui.make_persistent_id(("term", i));
                    let term = &mut desk.sum.terms[i];
                    let slot = anchor_slot(ui, id, rect, &look, &mut term.anchor, cx.studio, Some(info));
                    if slot.changed {
                        out.label = Some("change a term");
                    }
                    out.foreign |= slot.foreign;
                    if slot.response.clicked() {
                        out.stand = Some(latent.clone());
                    }
                    if let Some(path) = slot.file {
                        self.places.encode(i, &path, info, cx);
                    }
                    self.places.show(ui, cx, i, &slot.response, info);
                    slot.response.on_hover_text(place::HINT).context_menu(|ui| {
                        if ui.button("Take where I stand").clicked() {
                            term.anchor = desk.here.latent.clone().into();
                            out.label = Some("change a term");
                        }
                        if let Some(purpose) = PICKS.get(i) {
                            Places::menu(ui, cx, purpose);
                        }
                    });
                    if anchor_field(ui, &mut term.anchor, &format!("Term {n}, seed")) {
                        out.label = Some("change a term");
                    }
                    ui.horizontal(|ui| {
                        let (icon, text) = if term.minus {
                            (ICON_REMOVE, format!("Term {n} is taken away; add it"))
                        } else {
                            (ICON_ADD, format!("Term {n} is added; take it away"))
                        };
                        if theme::icon_button(ui, icon, &text).clicked() {
                            term.minus = !term.minus;
                            out.label = Some("change a sign");
                        }
                        if own.len() > 1 && theme::icon_button(ui, ICON_CLOSE, &format!("Remove term {n}")).clicked() {
                            remove = Some(i);
                        }
                    });
                });
            }
            if own.len() < PICKS.len() {
                let add = theme::quiet_button(ui, Some(ICON_ADD), "Add a term");
                if add.on_hover_text("Adds where you stand").clicked() {
                    let anchor = desk.here.latent.clone().into();
                    desk.sum.terms.push(Term { minus: false, anchor });
                    out.label = Some("add a term");
                }
            }
            theme::title(ui, "=");
            ui.vertical(|ui| {
                let (rect, _) = ui.allocate_exact_size(Vec2::splat(1.5 * SIDE), Sense::hover());
                match &sum {
                    Some(Ok(latent)) => {
                        let tex = self.feed.tex(own.len(), cx.textures, &ctx);
                        let look = Tile { tex: tex.as_ref(), name: "Sum", selected: false, focusable: true };
                        let response = tile(ui, ui.make_persistent_id("sum"), rect, &look);
                        drag_latent(&response, &info.model, latent, truncation, self.feed.picture(own.len()));
                        if response.on_hover_text("Click to stand here").clicked() {
                            out.stand = Some(latent.clone());
                            out.label = Some("stand at a sum");
                        }
                        theme::weak(ui, "Sum: click to stand here");
                    }
                    Some(Err(problem)) => {
                        let text = egui::Label::new(problem.what.as_str()).wrap();
                        ui.put(Rect::from_min_size(rect.min, vec2(1.5 * SIDE, SIDE)), text);
                        theme::toned(ui, Tone::Warn, "No sum");
                    }
                    None => {
                        ui.put(rect, egui::Spinner::new());
                    }
                }
            });
        });
        ui.horizontal(|ui| {
            theme::weak(ui, "Lengths");
            mode_choice(ui, &mut desk.sum.mode, out);
            theme::weak(ui, "Spherical keeps the sum as likely as its terms; straight is the plain sum");
        });
        if let Some(i) = remove {
            desk.sum.terms.remove(i);
            out.label = Some("remove a term");
        }
    }
}
