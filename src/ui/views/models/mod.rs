//! Shipped, imported and trained models: cards with contact sheets, and a page for each.

mod cards;
mod compare;
mod lineage;
mod page;
mod prior;
#[cfg(test)]
mod tests;
mod timeline;
mod tokens;

use std::collections::HashSet;
use std::path::PathBuf;

use egui::{Key, Modifiers, Ui};

use super::{Cx, KeyHelp, View, ViewId};
use crate::engine::{Command, Event, JobId, RunSummary};
use crate::models::info::{ModelInfo, ModelRef};
use crate::ui::action::{Action, PickKind, ViewMessage};
use crate::ui::command::UiCommand;
use crate::ui::format;
use crate::ui::state::Studio;
use crate::ui::theme::{self, size};
use crate::ui::widgets::scores::ScorePanel;

/// Purpose of the dialog that asks where to write weights.
const PURPOSE_WEIGHTS: &str = "export weights";

/// Which models are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Which {
    #[default]
    All,
    Shipped,
    Mine,
}

/// What is to be done with a model.
#[derive(Clone, Debug, PartialEq)]
enum Deed {
    Explore(ModelRef),
    Open(ModelRef),
    Continue(PathBuf),
    FineTune(ModelRef),
    Export(ModelRef),
    Rename(ModelRef),
    Delete(ModelRef),
    Compare(ModelRef),
    Import,
}

/// The view.
#[derive(Default)]
pub struct ModelsView {
    which: Which,
    search: String,
    selected: Option<ModelRef>,
    /// The model whose page is open.
    page: Option<ModelRef>,
    /// The model it is compared with.
    against: Option<ModelRef>,
    /// Contact sheets that were asked for.
    asked: HashSet<ModelRef>,
    /// A model being named anew: which, and the name so far.
    naming: Option<(ModelRef, String)>,
    /// A model about to be deleted.
    deleting: Option<ModelRef>,
    /// A model whose weights are about to be written.
    exporting: Option<ModelRef>,
    /// Writing of weights: the job, of which model and where to.
    writing: Option<(JobId, ModelRef, PathBuf)>,
    /// The checkpoint chosen on the time line, by pictures seen.
    checkpoint: Option<u64>,
    scores: ScorePanel,
    prior: prior::PriorPanel,
}

/// The run behind a model, if it is one.
fn run_of<'a>(studio: &'a Studio, model: &str) -> Option<&'a RunSummary> {
    let path = std::path::Path::new(model);
    // A reference may name a checkpoint: `folder@best`, `folder@412`.
    studio.run(path).or_else(|| studio.run(std::path::Path::new(model.rsplit_once('@')?.0)))
}

impl ModelsView {
    fn act(&mut self, deed: Deed, cx: &mut Cx<'_>) {
        match deed {
            Deed::Explore(model) => {
                if cx.studio.model(&model).cloned().is_some_and(|info| tokens::act(&info, cx)) {
                    return;
                }
                let model = self.checkpointed(&model, cx.studio);
                cx.push(Action::explore(model));
            }
            Deed::Open(model) => {
                self.checkpoint = None;
                self.against = None;
                self.select(model.clone(), cx);
                self.page = Some(model);
            }
            Deed::Continue(dir) => {
                cx.push(Action::SelectRun(Some(dir.clone())));
                cx.push(Action::Deliver(ViewId::Train, Box::new(ViewMessage::Run(dir))));
            }
            Deed::FineTune(model) => {
                if let Some(info) = cx.studio.model(&model) {
                    let mut recipe = info.recipe.clone();
                    recipe.name = format!("{} fine-tuned", info.name);
                    recipe.parent = None;
                    let from = self.checkpointed(&model, cx.studio);
                    cx.push(Action::set_up(recipe, Some(from)));
                }
            }
            Deed::Export(model) => {
                let name = cx.studio.model(&model).map_or("model".into(), |m| file_name(&m.name));
                self.exporting = Some(self.checkpointed(&model, cx.studio));
                let kind = PickKind::Save(format!("{name}.safetensors"));
                cx.pick(ViewId::Models, PURPOSE_WEIGHTS, kind, "Export weights", &[("Safetensors", &["safetensors"])]);
            }
            Deed::Rename(model) => {
                let name = cx.studio.model(&model).map(|m| m.name.clone()).unwrap_or_default();
                self.naming = Some((model, name));
            }
            Deed::Delete(model) => self.deleting = Some(model),
            Deed::Compare(other) => {
                cx.send(Command::KnownScores { model: other.clone() });
                self.against = Some(other);
            }
            Deed::Import => cx.push(Action::Ui(UiCommand::ImportModel)),
        }
    }

    /// The model, or the checkpoint of it that is chosen on the time line.
    fn checkpointed(&self, model: &str, studio: &Studio) -> ModelRef {
        let chosen = self.checkpoint.filter(|_| self.page.as_deref() == Some(model));
        let known =
            |images: &u64| run_of(studio, model).is_some_and(|r| r.checkpoints.iter().any(|c| c.images == *images));
        match chosen.filter(known) {
            Some(images) => format!("{model}@{}", images as f64 / 1000.0),
            None => model.into(),
        }
    }

    fn select(&mut self, model: ModelRef, cx: &mut Cx<'_>) {
        if self.selected.as_ref() != Some(&model) {
            cx.push(Action::SelectModel(Some(model.clone())));
            self.selected = Some(model);
        }
    }

    /// Models of the filter, shipped ones first as the engine lists them.
    fn listed<'a>(&self, studio: &'a Studio) -> Vec<&'a ModelInfo> {
        let words = self.search.to_lowercase();
        let fits = |m: &&ModelInfo| {
            let kind = match self.which {
                Which::All => true,
                Which::Shipped => m.shipped,
                Which::Mine => !m.shipped,
            };
            kind && (words.is_empty()
                || [&m.name, &m.architecture, &m.recipe.data.source].iter().any(|t| t.to_lowercase().contains(&words)))
        };
        studio.models.iter().filter(fits).collect()
    }

    fn naming_dialog(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some((model, name)) = &mut self.naming else { return };
        let (mut done, mut go) = (false, false);
        let modal = egui::Modal::new(egui::Id::unique("rename"))
            .frame(egui::Frame::popup(ui.style()).inner_margin(size::L))
            .show(ui.ctx(), |ui| {
                ui.set_width(360.0);
                theme::title(ui, "Rename");
                let field =
                    ui.add(egui::TextEdit::singleline(name).desired_width(f32::INFINITY)).accessible_name("New name");
                go = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
                if !field.has_focus() && !go {
                    field.request_focus();
                }
                ui.add_space(size::S);
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let named = !name.trim().is_empty();
                    go |= ui.add_enabled_ui(named, |ui| theme::primary_button(ui, None, "Rename")).inner.clicked();
                    done = theme::button(ui, None, "Cancel").clicked();
                });
            });
        if go && !name.trim().is_empty() {
            if let Some(run) = run_of(cx.studio, model) {
                cx.send(Command::RenameRun { dir: run.dir.clone(), name: name.trim().into() });
                cx.send(Command::ListModels);
            }
            done = true;
        }
        if done || modal.should_close() {
            self.naming = None;
        }
    }

    fn delete_dialog(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(model) = self.deleting.clone() else { return };
        let Some(info) = cx.studio.model(&model) else {
            self.deleting = None;
            return;
        };
        let run = run_of(cx.studio, &model);
        let mut done = false;
        let modal = egui::Modal::new(egui::Id::unique("delete model"))
            .frame(egui::Frame::popup(ui.style()).inner_margin(size::L))
            .show(ui.ctx(), |ui| {
                ui.set_width(400.0);
                theme::title(ui, &format!("Delete {}?", info.name));
                ui.label(match run {
                    Some(run) => format!(
                        "The run with {} of training, its curves and {} ({}) go to the trash: your desktop's, \
                     or the folder \"trash\" beside the library where there is none. Pictures you kept stay in the gallery.",
                        format::kimg(run.progress.images),
                        format::plural(run.checkpoints.len() as u64, "checkpoint", "checkpoints"),
                        format::bytes(run.bytes),
                    ),
                    None => format!(
                        "Its weights ({}) go to the trash: your desktop's, or the folder \"trash\" beside the library where there is \
                     none. Pictures you kept stay in the gallery, but cannot be made again without it.",
                        format::bytes(info.bytes)
                    ),
                });
                let alive = run.is_some_and(|r| r.state.is_alive());
                if alive {
                    theme::toned(ui, theme::Tone::Warn, "It is training. Stop it first.");
                }
                ui.add_space(size::S);
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let button = ui.add_enabled_ui(!alive, |ui| theme::danger_button(ui, None, "Delete")).inner;
                    if button.clicked() {
                        cx.send(match run {
                            Some(run) => Command::TrashRun { dir: run.dir.clone() },
                            None => Command::TrashModel { model: model.clone() },
                        });
                        cx.send(Command::ListModels);
                        done = true;
                        if self.page.as_ref() == Some(&model) {
                            self.page = None;
                        }
                    }
                    if theme::button(ui, None, "Cancel").clicked() {
                        done = true;
                    }
                });
            });
        if done || modal.should_close() {
            self.deleting = None;
        }
    }

    /// Says when weights are written.
    fn writing_bar(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let studio = cx.studio;
        let Some(job) = self.writing.as_ref().and_then(|w| studio.jobs.get(&w.0)) else { return };
        let (mut close, mut again) = (false, false);
        theme::toolbar(ui, |ui| {
            if !job.ended {
                theme::progress(ui, job.share(), 160.0, "Writing weights");
                theme::weak(ui, "Writing weights");
            } else if let Some(problem) = &job.problem {
                theme::toned(ui, theme::Tone::Bad, problem.what.clone()).on_hover_text(problem.to_string());
                again = theme::button(ui, None, "Try again").clicked();
                close = theme::quiet_button(ui, None, "Dismiss").clicked();
            } else {
                let file = job.files.first().cloned().unwrap_or_default();
                ui.label(format!("{} written", file.file_name().unwrap_or_default().to_string_lossy()));
                if theme::button(ui, None, "Open folder").clicked() {
                    cx.push(Action::Reveal(file));
                }
                close = theme::quiet_button(ui, None, "Dismiss").clicked();
            }
        });
        if close {
            self.writing = None;
        } else if again && let Some((_, model, out)) = self.writing.take() {
            self.write(model, out, cx);
        }
    }

    /// Writes the weights of a model.
    fn write(&mut self, model: ModelRef, out: PathBuf, cx: &mut Cx<'_>) {
        let job = cx.new_job();
        self.writing = Some((job, model.clone(), out.clone()));
        cx.send(Command::ExportModel { job, model, out });
    }
}

/// A name that every file system takes.
fn file_name(name: &str) -> String {
    crate::export::names::sanitised(name)
}

impl View for ModelsView {
    fn id(&self) -> ViewId {
        ViewId::Models
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if cx.has_keys(ViewId::Models) && self.deleting.is_none() && self.naming.is_none() {
            let pressed = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
            if self.page.is_some() && pressed(Key::Escape) {
                if self.against.take().is_none() {
                    self.page = None;
                }
            } else if let Some(model) = self.selected.clone() {
                let mine = cx.studio.model(&model).is_some_and(|m| !m.shipped);
                if pressed(Key::Delete) && mine {
                    self.deleting = Some(model);
                } else if pressed(Key::F2) && run_of(cx.studio, &model).is_some() {
                    self.act(Deed::Rename(model), cx);
                }
            }
        }
        let page = self.page.as_deref().and_then(|m| cx.studio.model(m)).cloned();
        self.writing_bar(ui, cx);
        let deed = match &page {
            Some(info) => self.show_page(ui, cx, info),
            None => self.show_cards(ui, cx),
        };
        if let Some(deed) = deed {
            self.act(deed, cx);
        }
        self.naming_dialog(ui, cx);
        self.delete_dialog(ui, cx);
    }

    fn has_inspector(&self, studio: &Studio) -> bool {
        self.page.is_none() && self.selected.as_deref().is_some_and(|m| studio.model(m).is_some())
    }

    fn inspector(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(info) = self.selected.as_deref().and_then(|m| cx.studio.model(m)).cloned() else { return };
        if let Some(deed) = page::summary(ui, cx, &info) {
            self.act(deed, cx);
        }
    }

    fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        self.prior.receive(event, cx);
        self.scores.on_event(event);
        match event {
            Event::Models(models) => {
                // Weights may have changed under the same name: their sheets are asked for again.
                self.asked.clear();
                let here = |m: &ModelRef| models.iter().any(|i| i.model == *m);
                self.selected.take_if(|m| !here(m));
                self.page.take_if(|m| !here(m));
                self.against.take_if(|m| !here(m));
            }
            Event::ContactSheet { model, .. } => {
                // Its texture is made again from the new pixels.
                cx.textures.forget(cards::sheet_key(model));
            }
            _ => {}
        }
    }

    fn on_show(&mut self, cx: &mut Cx<'_>) {
        cx.send(Command::ListModels);
        if self.selected.is_none() {
            self.selected.clone_from(&cx.studio.selection.model);
        }
    }

    fn receive(&mut self, parcel: &ViewMessage, cx: &mut Cx<'_>) {
        match parcel {
            ViewMessage::Model(model) => {
                self.which = Which::All;
                self.search.clear();
                self.act(Deed::Open(model.clone()), cx);
            }
            ViewMessage::Picked { purpose, paths } if self.scores.picked(purpose, paths, cx) => {}
            ViewMessage::Picked { purpose, paths } if *purpose == PURPOSE_WEIGHTS => {
                if let (Some(model), Some(path)) = (self.exporting.take(), paths.first()) {
                    let mut out = path.clone();
                    if out.extension().is_none() {
                        out.set_extension("safetensors");
                    }
                    self.write(model, out, cx);
                }
            }
            _ => {}
        }
    }

    fn on_command(&mut self, command: UiCommand, cx: &mut Cx<'_>) -> bool {
        match (command, self.selected.clone()) {
            (UiCommand::Export, Some(model)) => {
                self.act(Deed::Export(model), cx);
                true
            }
            _ => false,
        }
    }

    fn keys(&self) -> Vec<KeyHelp> {
        [
            ("Enter", "Open the page of the selected model"),
            ("Esc", "Back to all models"),
            ("F2", "Rename a run"),
            ("Del", "Move to the trash"),
        ]
        .map(|(keys, does)| KeyHelp { keys, does })
        .to_vec()
    }
}
