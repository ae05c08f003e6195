//! Arithmetic with pictures: a − b + c, each a seed, a picture of the program or one of one's own.

use egui::{Rect, Sense, Ui, Vec2, vec2};
use egui_material_icons::icons::{ICON_ADD, ICON_CLOSE, ICON_REMOVE};

use crate::latent::latent_math::{Dims, space_of};
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::theme::{self, Tone, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::choices::mode_choice;
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::page::PageActions;
use crate::ui::views::explore::picture_slots::{self, PictureSlots};
use crate::ui::views::explore::tabs::directions::state::{PICKS, Term};
use crate::ui::views::explore::tabs::directions::styles::Styles;
use crate::ui::widgets::latent_slot::{Tile, anchor_field, anchor_slot, drag_latent, tile};

/// What Undo calls it when a sum is opened.
pub const OPEN_SUM: &str = "open a sum";
/// Points a side of a term.
const SIDE: f32 = 84.0;

/// The section's own state.
#[derive(Default)]
pub struct Sum {
    /// The terms' pictures, then that of the sum.
    pub feed: ImageRequests,
    /// Pictures put into terms.
    pub places: PictureSlots,
    /// Terms as styles, where some are.
    pub styles: Styles,
}

impl Sum {
    /// Draws it.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        theme::section(ui, "Arithmetic");
        let (dims, dim) = (Dims::of(info), info.latent as usize);
        let truncation = state.here.truncation;
        let own: Vec<Latent> = state.sum.terms.iter().map(|t| t.anchor.latent(dim)).collect();
        let own = state.here.all_classed(&own);
        // A style and a latent have no sum; where one is a style, all become some.
        let alike =
            if own.is_empty() || space_of(&own).is_ok() { Some(own.clone()) } else { self.styles.of(&own, info, cx) };
        let sum = alike.map(|alike| {
            let weight = |t: &Term| if t.minus { -1.0 } else { 1.0 };
            let terms: Vec<(f64, &Latent)> = state.sum.terms.iter().map(weight).zip(&alike).collect();
            dims.sum(&terms, state.sum.mode)
        });
        let mut latents = own.clone();
        latents.extend(sum.iter().filter_map(|s| s.as_ref().ok().cloned()));
        if !latents.is_empty() {
            self.feed.want(ImageBatch { model: info.model.clone(), latents, truncation }, cx);
        }
        let ctx = ui.ctx().clone();
        let mut remove = None;
        self.places.begin();
        // Aligned at their tops: they are higher than a row of controls.
        ui.with_layout(egui::Layout::left_to_right(egui::Align::Min).with_main_wrap(true), |ui| {
            // A row is as high as what stands in it, not as the page.
            ui.set_row_height(size::CONTROL);
            ui.spacing_mut().item_spacing.x = size::S;
            for (i, latent) in own.iter().enumerate() {
                let n = i + 1;
                theme::whole(ui, |ui| {
                    ui.vertical(|ui| {
                        ui.set_width(SIDE);
                        let (rect, _) = ui.allocate_exact_size(Vec2::splat(SIDE), Sense::hover());
                        let tex = self.feed.tex(i, cx.textures, &ctx);
                        let name = format!("Term {n}");
                        let look = Tile { tex: tex.as_ref(), name: &name, selected: false, focusable: true };
                        let id = ui.make_persistent_id(("term", i));
                        let term = &mut state.sum.terms[i];
                        let slot = anchor_slot(ui, id, rect, &look, &mut term.anchor, cx.studio, Some(info));
                        if slot.changed {
                            out.label = Some("change a term");
                        }
                        out.foreign |= slot.foreign;
                        if slot.response.clicked() {
                            out.open = Some(latent.clone());
                        }
                        if let Some(path) = slot.file {
                            self.places.encode(i, &path, info, cx);
                        }
                        self.places.show(ui, cx, i, &slot.response, info);
                        slot.response.on_hover_text(picture_slots::HINT).context_menu(|ui| {
                            if ui.button("Take this picture").clicked() {
                                term.anchor = state.here.latent.clone().into();
                                out.label = Some("change a term");
                            }
                            if let Some(purpose) = PICKS.get(i) {
                                PictureSlots::menu(ui, cx, purpose);
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
                            if own.len() > 1
                                && theme::icon_button(ui, ICON_CLOSE, &format!("Remove term {n}")).clicked()
                            {
                                remove = Some(i);
                            }
                        });
                    })
                });
            }
            if own.len() < PICKS.len() {
                let add = theme::quiet_button(ui, Some(ICON_ADD), "Add a term");
                if add.on_hover_text("Adds the present picture").clicked() {
                    let anchor = state.here.latent.clone().into();
                    state.sum.terms.push(Term { minus: false, anchor });
                    out.label = Some("add a term");
                }
            }
            theme::whole(ui, |ui| {
                theme::title(ui, "=");
                ui.vertical(|ui| {
                    let (rect, _) = ui.allocate_exact_size(Vec2::splat(1.5 * SIDE), Sense::hover());
                    match &sum {
                        Some(Ok(latent)) => {
                            let tex = self.feed.tex(own.len(), cx.textures, &ctx);
                            let look = Tile { tex: tex.as_ref(), name: "Sum", selected: false, focusable: true };
                            let response = tile(ui, ui.make_persistent_id("sum"), rect, &look);
                            drag_latent(&response, &info.model, latent, truncation, self.feed.picture(own.len()));
                            if response.on_hover_text("Click to open it").clicked() {
                                out.open = Some(latent.clone());
                                out.label = Some(OPEN_SUM);
                            }
                            theme::weak(ui, "Sum: click to open it");
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
        });
        ui.horizontal_wrapped(|ui| {
            theme::weak(ui, "Lengths");
            mode_choice(ui, &mut state.sum.mode, out);
            theme::weak(ui, "Spherical keeps the sum as likely as its terms; straight is the plain sum");
        });
        if let Some(i) = remove {
            state.sum.terms.remove(i);
            out.label = Some("remove a term");
        }
    }
}
