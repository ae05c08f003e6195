//! Better samples of a VAE with one button: a prior fitted to its codes, beside the standard normal.

use std::collections::HashMap;

use egui::{ComboBox, RichText, Sense, Ui, Vec2, vec2};
use egui_material_icons::icons::{ICON_AUTO_FIX_HIGH, ICON_CLOSE, ICON_COMPARE_ARROWS, ICON_DELETE};

use super::Cx;
use crate::base::{Family, Picture};
use crate::engine::{Command, Event, JobId};
use crate::latent::prior::Kind as PriorKind;
use crate::models::info::{ModelInfo, ModelRef, PriorInfo};
use crate::ui::action::Action;
use crate::ui::format;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, Tone, size};

/// Pictures a side of each half of a comparison.
const SIDE: usize = 4;
/// Points that a picture of it takes.
const CELL: f32 = 48.0;

/// Pictures of the same seeds both ways.
struct Both {
    /// Hash of the prior they were made with.
    prior: String,
    normal: Vec<Picture>,
    fitted: Vec<Picture>,
}

/// Fits priors and shows what they change.
#[derive(Default)]
pub(super) struct PriorPanel {
    kind: PriorKind,
    /// Pictures to fit to, where they are not those of the recipe.
    data: String,
    jobs: HashMap<ModelRef, JobId>,
    compared: HashMap<ModelRef, Both>,
}

fn title(kind: PriorKind) -> &'static str {
    match kind {
        PriorKind::Gmm => "Mixture of Gaussians",
        PriorKind::TwoStage => "Second VAE",
    }
}

/// What is known of a prior, in a line.
fn told(prior: &PriorInfo) -> String {
    let what = match prior.kind.as_str() {
        "gmm" => format!(
            "A mixture of {} with {} covariance",
            format::plural(u64::from(prior.components), "Gaussian", "Gaussians"),
            prior.covariance
        ),
        "two-stage" => "A second VAE".into(),
        _ => "A prior learned with the model".into(),
    };
    let codes = format::plural(prior.codes, "code", "codes");
    let likely = match (prior.log_likelihood, prior.standard) {
        (Some(own), Some(normal)) => format!(": {own:.1} nats a code, {normal:.1} under the standard normal"),
        _ => String::new(),
    };
    format!("{what}, fitted to {codes}{likely}")
}

impl PriorPanel {
    pub(super) fn receive(&mut self, event: &Event, cx: &Cx<'_>) {
        if let Event::PriorCompared { model, normal, fitted, .. } = event {
            let prior =
                cx.studio.model(model).and_then(|m| m.prior.as_ref()).map_or_else(String::new, |p| p.hash.clone());
            let both = Both { prior, normal: normal.clone(), fitted: fitted.clone() };
            self.compared.insert(model.clone(), both);
        }
    }

    /// The panel; nothing for models without codes.
    pub(super) fn show(&mut self, ui: &mut Ui, info: &ModelInfo, cx: &mut Cx<'_>) {
        if info.family != Family::Vae {
            return;
        }
        ui.add_space(size::M);
        theme::section(ui, "Prior");
        match &info.prior {
            None => {
                let text = "Samples are drawn from the standard normal, also where no picture was ever encoded. A prior fitted to the codes of the pictures draws from where they are: better samples, in a minute";
                let colour = theme::tokens(ui).weak;
                ui.add(egui::Label::new(RichText::new(text).size(size::SMALL).color(colour)).wrap());
            }
            Some(prior) => self.fitted(ui, info, prior, cx),
        }
        self.tools(ui, info, cx);
        self.both(ui, info, cx);
    }

    fn fitted(&mut self, ui: &mut Ui, info: &ModelInfo, prior: &PriorInfo, cx: &mut Cx<'_>) {
        ui.add(egui::Label::new(told(prior)).wrap());
        ui.horizontal_wrapped(|ui| {
            let mut on = prior.on;
            let help = "Samples, grids and walks are drawn from it; otherwise from the standard normal";
            if ui.checkbox(&mut on, "Sample from it").on_hover_text(help).changed() {
                cx.send(Command::UsePrior { model: info.model.clone(), on });
            }
            if theme::button(ui, Some(ICON_COMPARE_ARROWS), "Compare with the standard normal").clicked() {
                let seeds = (1..=(SIDE * SIDE) as u64).collect();
                cx.send(Command::ComparePrior { model: info.model.clone(), seeds, truncation: 1.0 });
            }
            if !info.shipped && theme::icon_button(ui, ICON_DELETE, "Remove the prior").clicked() {
                self.compared.remove(&info.model);
                cx.send(Command::RemovePrior { model: info.model.clone() });
            }
        });
    }

    fn tools(&mut self, ui: &mut Ui, info: &ModelInfo, cx: &mut Cx<'_>) {
        let job = self.jobs.get(&info.model).and_then(|id| cx.studio.jobs.get(id));
        if let Some(job) = job.filter(|j| !j.ended) {
            ui.horizontal(|ui| {
                theme::progress(ui, job.share(), 140.0, &job.title);
                theme::weak(ui, job.title.clone());
                if theme::icon_button(ui, ICON_CLOSE, "Cancel fitting").clicked() {
                    cx.push(Action::Cancel(job.id));
                }
            });
            return;
        }
        if let Some(problem) = job.and_then(|j| j.problem.as_ref()) {
            theme::toned(ui, Tone::Bad, problem.what.clone()).on_hover_text(problem.to_string());
        }
        ui.horizontal_wrapped(|ui| {
            let text = if info.prior.is_some() { "Fit another" } else { "Fit a prior" };
            if theme::button(ui, Some(ICON_AUTO_FIX_HIGH), text).clicked() {
                let job = cx.new_job();
                self.jobs.insert(info.model.clone(), job);
                cx.send(Command::FitPrior {
                    job,
                    model: info.model.clone(),
                    data: self.data.trim().into(),
                    kind: self.kind,
                });
            }
            let combo = ComboBox::from_id_salt("prior kind").selected_text(title(self.kind)).width(170.0);
            let combo = combo.show_ui(ui, |ui| {
                for kind in [PriorKind::Gmm, PriorKind::TwoStage] {
                    ui.selectable_value(&mut self.kind, kind, title(kind));
                }
            });
            combo.response.accessible_name("Kind of prior");
            theme::text_field(ui, &mut self.data, "pictures it was trained on", 220.0, "Pictures to fit to")
                .on_hover_text("A folder, zip or other source; left empty, the source of the model's recipe");
        });
    }

    fn both(&mut self, ui: &mut Ui, info: &ModelInfo, cx: &mut Cx<'_>) {
        let now = info.prior.as_ref().map(|p| p.hash.as_str());
        let Some(both) = self.compared.get(&info.model).filter(|b| Some(b.prior.as_str()) == now) else { return };
        ui.add_space(size::S);
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = size::XL;
            for (name, pictures) in [("Standard normal", &both.normal), ("Fitted prior", &both.fitted)] {
                ui.vertical(|ui| {
                    theme::weak(ui, name);
                    egui::Grid::new(name).spacing(vec2(2.0, 2.0)).min_col_width(CELL).show(ui, |ui| {
                        for (i, picture) in pictures.iter().enumerate() {
                            let id = key(("prior", name, &info.model, &both.prior, i));
                            let tex = cx.textures.get(ui.ctx(), id, 0, picture);
                            let label = format!("{name}, seed {}", i + 1);
                            textures::picture(ui, &tex, Vec2::splat(CELL), Sense::hover(), &label);
                            if (i + 1) % SIDE == 0 {
                                ui.end_row();
                            }
                        }
                    });
                });
            }
        });
    }
}
