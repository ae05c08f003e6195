//! The page of one model: sheet, card, lineage, checkpoints, and what can be done with it.

use egui::{ComboBox, RichText, Sense, Ui, Vec2};
use egui_material_icons::icons::{
    ICON_ARROW_BACK, ICON_COMPARE_ARROWS, ICON_DELETE, ICON_DOWNLOAD, ICON_EDIT, ICON_FORK_RIGHT, ICON_MODEL_TRAINING,
};

use super::super::data::source_help;
use super::{Cx, Deed, ModelsView, compare, lineage, run_of, timeline, tokens};
use crate::base::Channels;
use crate::models::info::ModelInfo;
use crate::ui::format;
use crate::ui::textures;
use crate::ui::theme::{self, size};
use crate::ui::view::ViewId;

impl ModelsView {
    pub(super) fn show_page(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo) -> Option<Deed> {
        let mut deed = None;
        theme::toolbar(ui, |ui| {
            if theme::icon_button(ui, ICON_ARROW_BACK, "All models (Esc)").clicked() {
                self.page = None;
                self.against = None;
            }
            theme::title(ui, &info.name);
            theme::at_end(ui, |ui| {
                if let Some(other) = self.other_choice(ui, cx, info) {
                    deed = Some(Deed::Compare(other));
                }
            });
        });
        if let Some(other) = self.against.as_deref().and_then(|m| cx.studio.model(m)).cloned() {
            let mut close = false;
            theme::page(ui, "diff", |ui| close = compare::show(ui, info, &other, cx.studio));
            if close {
                self.against = None;
            }
            return deed;
        }
        theme::page(ui, "model", |ui| {
            let wide = ui.available_width() > 640.0;
            let sheet = self.sheet(ui, cx, info);
            let picture = |ui: &mut Ui, side: f32| match &sheet {
                Some(tex) => textures::picture(ui, tex, tex.fit(Vec2::splat(side)), Sense::hover(), "Contact sheet"),
                None => theme::skeleton(ui, Vec2::splat(side)),
            };
            if wide {
                ui.horizontal_top(|ui| {
                    ui.spacing_mut().item_spacing.x = size::XL;
                    let side = (ui.available_width() * 0.5).min(400.0);
                    picture(ui, side);
                    ui.vertical(|ui| {
                        deed = actions(ui, cx, info).or(deed.take());
                        facts(ui, cx, info);
                    });
                });
            } else {
                deed = actions(ui, cx, info).or(deed.take());
                picture(ui, ui.available_width().min(400.0));
                facts(ui, cx, info);
            }
            if let Some(run) = run_of(cx.studio, &info.model)
                && !run.checkpoints.is_empty()
            {
                ui.add_space(size::M);
                theme::section(ui, "Checkpoints");
                timeline::show(ui, &run.checkpoints, &mut self.checkpoint);
            }
            ui.add_space(size::M);
            theme::section(ui, "Scores");
            self.scores.show_whole(ui, ViewId::Models, &info.model, true, cx);
            self.prior.show(ui, info, cx);
            let family = lineage::Family::of(cx.studio, info);
            if family.is_there() {
                ui.add_space(size::M);
                theme::section(ui, "Lineage");
                if let Some(model) = lineage::show(ui, info, &family) {
                    deed = Some(Deed::Open(model));
                }
            }
        });
        deed
    }

    fn other_choice(&self, ui: &mut Ui, cx: &Cx<'_>, info: &ModelInfo) -> Option<String> {
        let mut other = None;
        let text = match self.against.as_deref().and_then(|m| cx.studio.model(m)) {
            Some(other) => format!("Compared with {}", other.name),
            None => "Compare recipe with…".into(),
        };
        let combo = ComboBox::from_id_salt("other").selected_text(text).width(190.0).truncate().show_ui(ui, |ui| {
            for model in cx.studio.models.iter().filter(|m| m.model != info.model) {
                if ui.selectable_label(self.against.as_ref() == Some(&model.model), &model.name).clicked() {
                    other = Some(model.model.clone());
                }
            }
        });
        combo.response.accessible_name("Compare recipe with");
        ui.label(ICON_COMPARE_ARROWS.rich_text().size(size::ICON).color(theme::tokens(ui).weak));
        other
    }
}

/// What can be done with a model.
fn actions(ui: &mut Ui, cx: &Cx<'_>, info: &ModelInfo) -> Option<Deed> {
    let mut deed = None;
    let model = || info.model.clone();
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = size::S;
        let (icon, text, help) = tokens::main_button(info);
        if theme::primary_button(ui, Some(icon), text).on_hover_text(help).clicked() {
            deed = Some(Deed::Explore(model()));
        }
        let run = run_of(cx.studio, &info.model);
        if let Some(run) = run {
            let text = if run.state.is_alive() { "Watch it train" } else { "Continue training" };
            if theme::button(ui, Some(ICON_MODEL_TRAINING), text).clicked() {
                deed = Some(Deed::Continue(run.dir.clone()));
            }
        }
        let help = "Start a new run from its weights; matching layers are loaded and listed, the others start fresh";
        if theme::button(ui, Some(ICON_FORK_RIGHT), "Fine-tune…").on_hover_text(help).clicked() {
            deed = Some(Deed::FineTune(model()));
        }
        if theme::icon_button(ui, ICON_DOWNLOAD, "Export weights…").clicked() {
            deed = Some(Deed::Export(model()));
        }
        if run.is_some() && theme::icon_button(ui, ICON_EDIT, "Rename… (F2)").clicked() {
            deed = Some(Deed::Rename(model()));
        }
        if !info.shipped && theme::icon_button(ui, ICON_DELETE, "Delete… (Del)").clicked() {
            deed = Some(Deed::Delete(model()));
        }
    });
    deed
}

/// The inspector beside the cards.
pub(super) fn summary(ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo) -> Option<Deed> {
    theme::title(ui, &info.name);
    let mut deed = actions(ui, cx, info);
    facts(ui, cx, info);
    if theme::button(ui, None, "Open page").on_hover_text("Card, lineage, checkpoints, comparison (Enter)").clicked() {
        deed = Some(Deed::Open(info.model.clone()));
    }
    deed
}

fn colours(channels: Channels) -> &'static str {
    match channels {
        Channels::Grey => "grey",
        Channels::Rgb => "RGB",
        Channels::Rgba => "RGB with transparency",
        Channels::Points => "points in the plane",
    }
}

/// The card: what it makes, what it learned from, what it is.
fn facts(ui: &mut Ui, cx: &Cx<'_>, info: &ModelInfo) {
    let run = run_of(cx.studio, &info.model);
    if let Some(card) = info.card.as_ref().filter(|c| !c.summary.is_empty()) {
        ui.add(egui::Label::new(&card.summary).wrap());
    }
    ui.add_space(size::XS);
    let mut rows: Vec<(&str, String)> = vec![
        ("Makes", format!("{} × {} px, {}", info.resolution.width, info.resolution.height, colours(info.channels))),
        ("Architecture", format!("{} ({})", info.architecture, info.family.id().to_uppercase())),
        ("Latent", format!("{} dimensions", format::count(u64::from(info.latent)))),
        ("Trained", format::kimg((info.kimg * 1000.0) as u64)),
    ];
    match &info.card {
        Some(card) => {
            let data = if card.data.is_empty() { source_help(&info.recipe.data.source) } else { card.data.clone() };
            rows.push(("Data", data));
            let mut more = |name, text: &str| {
                if !text.is_empty() {
                    rows.push((name, text.to_string()));
                }
            };
            more("Licence of data", &card.data_licence);
            more("Licence", &card.licence);
            if card.hours > 0.0 {
                let on = if card.device.is_empty() { String::new() } else { format!(" on {}", card.device) };
                rows.push(("Time", format!("{}{on}", format::duration(card.hours * 3600.0))));
            }
            for (i, (name, value)) in card.scores.iter().enumerate() {
                rows.push((if i == 0 { "Scores" } else { "" }, format!("{name} {}", format::number(*value))));
            }
        }
        None => rows.push(("Data", source_help(&info.recipe.data.source))),
    }
    let bytes = run.map_or(info.bytes, |r| r.bytes);
    rows.push(("On disk", format::bytes(bytes)));
    let hash: String = info.hash.chars().take(12).collect();
    if !hash.is_empty() {
        rows.push(("Weights", hash));
    }
    ui.spacing_mut().item_spacing.y = size::XS;
    let t = theme::tokens(ui);
    for (name, value) in rows {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().interact_size.y = size::L;
            ui.scope(|ui| {
                ui.set_width(88.0);
                ui.label(RichText::new(name).size(size::SMALL).color(t.weak));
            });
            ui.add(egui::Label::new(RichText::new(value).size(size::SMALL)).wrap());
        });
    }
}
