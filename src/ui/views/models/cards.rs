//! All models as cards.

use egui::{CornerRadius, Key, Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use egui_material_icons::icons::{ICON_DEPLOYED_CODE, ICON_FILE_OPEN, ICON_SEARCH};

use super::{Cx, Deed, ModelsView, Which};
use crate::engine::Command;
use crate::models::info::ModelInfo;
use crate::ui::format;
use crate::ui::textures::{self, Tex, key};
use crate::ui::theme::{self, size};
use crate::ui::views::ViewId;

/// Narrowest card.
const CARD: f32 = 208.0;
/// Room for the words under the sheet.
const WORDS: f32 = 62.0;

/// Models that cannot be used, each with its reason.
fn broken(ui: &mut Ui, cx: &mut Cx<'_>) {
    if cx.studio.broken_models.is_empty() {
        return;
    }
    let all = cx.studio.broken_models.clone();
    let title = crate::ui::format::plural(all.len() as u64, "broken model", "broken models");
    egui::CollapsingHeader::new(title).default_open(true).show(ui, |ui| {
        ScrollArea::vertical().id_salt("broken models").max_height(180.0).show(ui, |ui| {
            for model in &all {
                theme::card(ui, |ui| {
                    ui.horizontal(|ui| {
                        theme::badge(ui, theme::Tone::Bad, "Broken");
                        ui.add(egui::Label::new(RichText::new(&model.name).size(size::STRONG)).truncate());
                    });
                    let reason = match &model.broken.detail {
                        Some(detail) => format!("{}: {detail}", model.broken.what),
                        None => model.broken.what.clone(),
                    };
                    ui.add(egui::Label::new(reason).wrap());
                    if let Some(remedy) = &model.broken.remedy {
                        theme::weak(ui, remedy);
                    }
                    if !model.path.as_os_str().is_empty() {
                        let show = theme::quiet_button(ui, None, "Show in folder");
                        let show = show.on_hover_text(model.path.display().to_string());
                        let name = format!("Show {} in its folder", model.name);
                        show.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, &name));
                        if show.clicked() {
                            cx.push(crate::ui::action::Action::Reveal(model.path.clone()));
                        }
                    }
                });
            }
        });
    });
}

/// Pretrained networks that ship with the studio, each with its licence.
fn networks(ui: &mut Ui, cx: &Cx<'_>) {
    let all = &cx.studio.networks;
    if all.is_empty() {
        return;
    }
    egui::CollapsingHeader::new("Networks that see and read").show(ui, |ui| {
        ScrollArea::vertical().id_salt("networks").max_height(220.0).show(ui, |ui| {
            for card in all {
                theme::card(ui, |ui| {
                    ui.set_min_width(ui.available_width());
                    ui.horizontal(|ui| {
                        ui.label(RichText::new(&card.title).size(size::STRONG));
                        theme::weak(ui, format!("{} parameters", format::count(card.parameters)));
                    });
                    ui.add(egui::Label::new(&card.summary).wrap());
                    theme::weak(ui, format!("Trained on: {}", card.data));
                    theme::weak(ui, format!("{}. {}", card.licence, card.attribution));
                });
            }
        });
    });
}

/// Key of a contact sheet's texture.
pub fn sheet_key(model: &str) -> u64 {
    key(("contact sheet", model))
}

impl ModelsView {
    pub(super) fn show_cards(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) -> Option<Deed> {
        let mut deed = None;
        theme::toolbar(ui, |ui| {
            ui.label(ICON_SEARCH.rich_text().size(size::ICON).color(theme::tokens(ui).weak));
            theme::text_field(ui, &mut self.search, "Name, architecture or data", 190.0, "Search models");
            let options = [(Which::All, "All"), (Which::Shipped, "Shipped"), (Which::Mine, "Mine")];
            theme::segmented(ui, "Show", &mut self.which, &options);
            theme::at_end(ui, |ui| {
                if theme::button(ui, Some(ICON_FILE_OPEN), "Import…")
                    .on_hover_text("Copy a checkpoint file into the studio")
                    .clicked()
                {
                    deed = Some(Deed::Import);
                }
            });
        });
        if self.which != Which::Mine {
            networks(ui, cx);
        }
        if !matches!(self.which, Which::Shipped) {
            broken(ui, cx);
        }
        let listed: Vec<ModelInfo> = self.listed(cx.studio).into_iter().cloned().collect();
        if listed.is_empty() {
            if cx.studio.models_known {
                return self.none(ui, cx).or(deed);
            }
            return deed;
        }
        ScrollArea::vertical().id_salt("models").auto_shrink(false).show_viewport(ui, |ui, viewport| {
            let room = ui.available_width() - 2.0 * size::L;
            let columns = ((room + size::M) / (CARD + size::M)).floor().max(1.0);
            let side = (room - size::M * (columns - 1.0)) / columns;
            let side = side.min(300.0);
            // Sheets are laid out alike: the tallest one here says how much room they need.
            let sheets = listed.iter().filter_map(|m| cx.studio.sheets.get(&m.model));
            let tall = sheets.map(|p| p.height as f32 / p.width.max(1) as f32).fold(0.0, f32::max);
            let tall = if tall > 0.0 { tall.clamp(0.4, 1.0) } else { 2.0 / 3.0 };
            let high = (side * tall).round() + WORDS;
            let origin = ui.max_rect().min + vec2(size::L, size::L);
            let rows = listed.len().div_ceil(columns as usize);
            ui.expand_to_include_rect(Rect::from_min_size(
                origin,
                vec2(room, rows as f32 * (high + size::M) + size::S),
            ));
            for (i, info) in listed.iter().enumerate() {
                let (row, column) = (i / columns as usize, i % columns as usize);
                let at = origin + vec2(column as f32 * (side + size::M), row as f32 * (high + size::M));
                let rect = Rect::from_min_size(at, vec2(side, high));
                let shown = rect.translate(-ui.max_rect().min.to_vec2());
                if shown.bottom() < viewport.top() || shown.top() > viewport.bottom() {
                    continue;
                }
                deed = self.card(ui, cx, info, rect).or(deed.take());
            }
        });
        deed
    }

    fn card(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, rect: Rect) -> Option<Deed> {
        let id = ui.make_persistent_id(("card", &info.model));
        let response = ui.interact(rect, id, Sense::click());
        let selected = self.selected.as_ref() == Some(&info.model);
        let name = info.name.clone();
        response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, selected, &name));
        let t = theme::tokens(ui);
        let fill = if selected {
            t.selected
        } else if response.hovered() {
            t.hover
        } else {
            t.raised
        };
        let line = if selected || response.has_focus() { t.accent } else { t.line };
        let radius = CornerRadius::same(size::RADIUS_CARD);
        ui.painter().rect(rect, radius, fill, Stroke::new(1.0, line), StrokeKind::Inside);

        let picture = Rect::from_min_size(rect.min, vec2(rect.width(), rect.height() - WORDS)).shrink(size::S);
        match self.sheet(ui, cx, info) {
            Some(tex) => textures::paint(
                ui.painter(),
                Rect::from_center_size(picture.center(), tex.fit(picture.size())),
                &tex,
                t,
            ),
            None => {
                ui.painter().rect_filled(picture, 2.0, t.canvas);
            }
        }
        let words = Rect::from_min_max(
            pos2(rect.left() + size::M, picture.bottom() + size::S),
            rect.max - vec2(size::M, size::S),
        );
        let mut child = ui.new_child(egui::UiBuilder::new().max_rect(words).id_salt(("words", &info.model)));
        child.spacing_mut().item_spacing.y = 2.0;
        child.horizontal(|ui| {
            ui.add(egui::Label::new(RichText::new(&info.name).size(size::STRONG)).truncate());
        });
        child.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = size::XS;
            let run = super::run_of(cx.studio, &info.model);
            if info.shipped {
                theme::badge(ui, theme::Tone::Quiet, "Shipped");
            } else if run.is_some_and(|r| r.state.is_alive()) {
                theme::badge(ui, theme::Tone::Good, "Training");
            }
            let text = format!(
                "{} · {} px · {}",
                info.family.id().to_uppercase(),
                info.resolution,
                format::kimg((info.kimg * 1000.0) as u64)
            );
            ui.add(egui::Label::new(RichText::new(text).size(size::SMALL).color(t.weak)).truncate());
        });
        let enter = response.has_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        let open = response.double_clicked() || enter && selected && cx.has_keys(ViewId::Models);
        if response.clicked() {
            self.select(info.model.clone(), cx);
        }
        let mut deed = open.then(|| Deed::Open(info.model.clone()));
        let run = super::run_of(cx.studio, &info.model).map(|r| r.dir.clone());
        response.context_menu(|ui| {
            let mut entry = |ui: &mut Ui, text: &str, what: Deed| {
                if ui.button(text).clicked() {
                    deed = Some(what);
                }
            };
            entry(ui, super::tokens::main_button(info).1, Deed::Explore(info.model.clone()));
            entry(ui, "Open page", Deed::Open(info.model.clone()));
            entry(ui, "Fine-tune…", Deed::FineTune(info.model.clone()));
            entry(ui, "Export weights…", Deed::Export(info.model.clone()));
            if let Some(dir) = run {
                entry(ui, "Continue training", Deed::Continue(dir));
                entry(ui, "Rename…", Deed::Rename(info.model.clone()));
            }
            if !info.shipped {
                entry(ui, "Delete…", Deed::Delete(info.model.clone()));
            }
        });
        deed
    }

    /// A model's contact sheet, asked for once.
    pub(super) fn sheet(&mut self, ui: &Ui, cx: &mut Cx<'_>, info: &ModelInfo) -> Option<Tex> {
        if self.asked.insert(info.model.clone()) {
            cx.send(Command::ContactSheet { model: info.model.clone() });
        }
        cx.pictures_of(&info.model);
        let sheet = cx.studio.sheets.get(&info.model)?;
        Some(cx.textures.get(ui.ctx(), sheet_key(&info.model), 0, sheet))
    }

    fn none(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) -> Option<Deed> {
        if self.search.is_empty() && self.which != Which::Shipped {
            let text = "Train one on your pictures: it will be listed here with its checkpoints";
            let button =
                theme::empty_state(ui, ICON_DEPLOYED_CODE, "No models yet", text, Some("Train on your pictures"));
            if button.is_some_and(|b| b.clicked()) {
                cx.go(ViewId::Data);
            }
        } else {
            let button = theme::empty_state(
                ui,
                ICON_DEPLOYED_CODE,
                "Nothing here",
                "No model matches this filter",
                Some("Show all models"),
            );
            if button.is_some_and(|b| b.clicked()) {
                self.search.clear();
                self.which = Which::All;
            }
        }
        None
    }
}
