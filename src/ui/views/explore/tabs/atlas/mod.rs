//! The atlas: pictures by likeness on one zoomable sheet.
//!
//! - [`cells`]: what lies where. [`paint`]: dots, outlines and the legend. [`thumbs`]: small pictures as one comes nearer.
//! - [`faded`]: what steps back. [`state`]: what is laid out. [`bar`]: the bars above.
//! - [`canvas`]: pan, zoom, hover, click, lasso. [`chosen`]: what is done with the points in the lasso.

pub mod bar;
mod canvas;
mod cells;
mod chosen;
mod faded;
pub mod paint;
pub mod state;
#[cfg(test)]
mod tests;
mod thumbs;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use egui::Ui;
use egui_material_icons::icons::{ICON_FOLDER_OPEN, ICON_SCATTER_PLOT};

use crate::base::{Kind, Picture};
use crate::engine::dataset_locator::is_unknown;
use crate::engine::{Command, Event, Item, ItemFilter, JobId, LatentCommand, LatentEvent};
use crate::latent::atlas::gather::{Atlas, AtlasConfig};
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::Latent;
use crate::ui::action::{Action, LeftOut};
use crate::ui::theme;
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::explore::choices::{close_up, empty_state};
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::page::{Page, PageActions, PageCx, Picked};
use crate::ui::widgets::own_data;
use bar::choose_folder;
use cells::Cells;
use state::FAR;

/// Purposes of the dialogs that choose pictures.
pub const PURPOSE_FOLDER: &str = "atlas pictures";

/// A sheet that is here.
struct Made {
    model: ModelRef,
    /// Weights it was made by; none where the model changed since it was begun.
    hash: String,
    wish: Option<AtlasConfig>,
    atlas: Arc<Atlas>,
    cells: Cells,
    number: u64,
    /// How far it reaches from its middle.
    reach: [f32; 2],
    hardness: Option<[f32; 2]>,
    /// Points whose pictures are shown at a level of nearness.
    standing: HashMap<i32, Vec<u32>>,
}

/// A sheet on its way.
struct Making {
    job: JobId,
    wish: AtlasConfig,
    hash: String,
    /// What it waits for before it begins: the kept pictures of the model.
    kept: Option<(ModelRef, ItemFilter)>,
}

/// The tab's own state.
#[derive(Default)]
pub struct AtlasPage {
    making: Option<Making>,
    made: Option<Made>,
    /// Kept pictures on the sheet, and their ratings.
    items: Arc<Vec<Item>>,
    ratings: HashMap<i64, u8>,
    thumbs: thumbs::Thumbs,
    dots: paint::Dots,
    /// Whether the pointer draws a lasso without Shift.
    lassoing: bool,
    /// A lasso that is being drawn.
    drawing: Vec<[f32; 2]>,
    chosen: chosen::Chosen,
    faded: faded::Faded,
    /// A place that was asked what lies there.
    asked: Option<(u64, [f32; 2])>,
    /// The place of the present picture, with its latent.
    standing: Option<([f32; 2], Latent)>,
    /// Where on a sheet a latent lies, as last looked for.
    found: Option<(u64, Latent, Option<[f32; 2]>)>,
    /// Whether the data sets that were used before have been asked for.
    listed: bool,
    arrived: Option<Latent>,
    /// The pictures that the model learned from are not on this computer.
    missing: bool,
    /// The present picture.
    present: Option<Arc<Picture>>,
    /// A folder that was chosen.
    folder: Option<PathBuf>,
    /// The model's own pictures are known now: the sheet that waited for them is made.
    again: bool,
    number: u64,
}

impl Page for AtlasPage {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, shared, out }: PageCx<'_, '_>) {
        self.missing = shared.own_data.is_missing(&info.model);
        self.present.clone_from(&shared.present);
        if let Some(folder) = self.folder.take() {
            state.atlas.wish.data = Some(folder.display().to_string());
            out.label = Some("choose pictures of the atlas");
        }
        if let Some(latent) = self.arrived.take() {
            out.open = Some(latent);
            out.label = Some("open a place of the atlas");
        }
        if !std::mem::replace(&mut self.listed, true) {
            cx.send(Command::ListData);
        }
        self.follow(cx);
        if std::mem::take(&mut self.again) {
            self.make(info, state, cx);
        }
        self.what(ui, cx, info, state, out);
        let here = self.made.as_ref().is_some_and(|m| m.model == info.model);
        if !here {
            self.nothing(ui, cx, info, state, out);
            return;
        }
        close_up(ui);
        if let Some(made) = &self.made {
            self.faded.look((&made.atlas, made.number), &state.atlas.find, &self.items);
        }
        theme::toolbar(ui, |ui| self.how(ui, info, &mut state.atlas, out));
        close_up(ui);
        self.canvas(ui, cx, info, state, out);
    }

    fn on_event(&mut self, event: &Event, state: &mut ExploreState, cx: &mut Cx<'_>) {
        let own = &mut state.atlas;
        self.chosen.on_event(event, cx);
        match event {
            Event::Items { filter, items } => {
                let Some(making) = &mut self.making else { return };
                let Some((model, _)) = making.kept.take_if(|k| k.1 == *filter) else { return };
                self.items = items.clone();
                let (job, wish, kept) = (making.job, making.wish.clone(), items.iter().map(|i| i.id).collect());
                cx.send(Command::Latent(LatentCommand::Atlas { job, model, wish, kept }));
            }
            Event::Latent(LatentEvent::Atlas { job, model, atlas }) => {
                let making = self.making.take_if(|m| m.job == *job);
                let (wish, hash) = making.map_or((None, String::new()), |m| (Some(m.wish), m.hash));
                own.turn_to(model, wish.as_ref());
                self.number += 1;
                self.thumbs.clear();
                self.standing = None;
                self.ratings = self.items.iter().map(|i| (i.id, i.rating)).collect();
                self.made = Some(Made {
                    model: model.clone(),
                    hash,
                    wish,
                    cells: Cells::new(atlas.points.iter().map(|p| p.place).collect()),
                    reach: [0, 1]
                        .map(|axis| atlas.points.iter().fold(0.1, |far: f32, p| far.max(p.place[axis].abs())).min(FAR)),
                    hardness: paint::hardness(atlas),
                    atlas: atlas.clone(),
                    number: self.number,
                    standing: HashMap::new(),
                });
            }
            Event::Latent(LatentEvent::OwnData { .. }) if own.wish.data.as_deref() == Some("") => {
                let job = self.making.as_ref().and_then(|m| cx.studio.jobs.get(&m.job));
                self.again = job.and_then(|j| j.problem.as_ref()).is_some_and(is_unknown);
            }
            Event::Latent(LatentEvent::AtlasThumbs { model, thumbs })
                if self.made.as_ref().is_some_and(|m| m.model == *model) =>
            {
                self.thumbs.add(thumbs);
            }
            Event::Latent(LatentEvent::Latents { ticket, latents, .. }) => {
                if let (Some((_, place)), Some(latent)) = (self.asked.take_if(|a| a.0 == *ticket), latents.first()) {
                    self.standing = Some((place, latent.clone()));
                    self.arrived = Some(latent.clone());
                }
            }
            _ => {}
        }
    }

    fn picked(&mut self, picked: &Picked<'_>, _state: &mut ExploreState, _cx: &mut Cx<'_>) -> bool {
        let own = picked.purpose == PURPOSE_FOLDER;
        if own {
            self.folder = picked.paths.first().cloned();
        }
        own
    }

    fn left_out(&mut self, source: &str, names: &LeftOut) {
        self.faded.leave_out(source, names);
    }

    fn provenance(&self, _state: &ExploreState, _label: Option<&str>) -> Option<String> {
        Some("A place of the atlas".into())
    }

    fn expire(&mut self) {
        self.standing = None;
        self.chosen.expire();
    }
}

impl AtlasPage {
    /// What is done on the way, and whether that ended.
    fn follow(&mut self, cx: &Cx<'_>) {
        let Some(making) = &self.making else { return };
        let Some(job) = cx.studio.jobs.get(&making.job) else { return };
        if job.ended && job.problem.as_ref().is_none_or(|p| p.kind == Kind::Interrupted) {
            self.making = None;
        }
    }

    /// Whether a sheet is on its way.
    fn is_making(&self, cx: &Cx<'_>) -> bool {
        self.making.as_ref().is_some_and(|m| cx.studio.jobs.get(&m.job).is_none_or(|j| !j.ended))
    }

    /// What is done now, and how long that takes yet.
    fn stage(&self, cx: &Cx<'_>) -> String {
        let Some(making) = &self.making else { return String::new() };
        let Some(job) = cx.studio.jobs.get(&making.job) else { return "Waiting".into() };
        match job.left_text().filter(|_| !cx.still) {
            Some(left) => format!("{} · {left}", job.title),
            None => job.title.clone(),
        }
    }

    /// While there is no sheet of this model: the button that makes it, what goes on, or what went wrong.
    fn nothing(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        if self.is_making(cx) {
            theme::empty_state(ui, ICON_SCATTER_PLOT, "The atlas is being made", &self.stage(cx), None);
            return;
        }
        let problem = self.making.as_ref().and_then(|m| cx.studio.jobs.get(&m.job)).and_then(|j| j.problem.clone());
        if let Some(problem) = problem {
            let mut again = false;
            theme::page(ui, "no atlas", |ui| {
                if theme::problem(ui, &problem) {
                    cx.push(Action::CopyText(problem.to_string()));
                }
                ui.horizontal(|ui| {
                    again = theme::primary_button(ui, None, "Try again").clicked();
                    // The data that a model learned from may be on another computer.
                    let unknown = is_unknown(&problem) && state.atlas.wish.data.as_deref() == Some("");
                    if unknown && theme::button(ui, Some(ICON_FOLDER_OPEN), own_data::CHOOSE).clicked() {
                        own_data::choose(cx, ViewId::Explore);
                    }
                    if state.atlas.wish.data.is_some() {
                        if !unknown && theme::button(ui, Some(ICON_FOLDER_OPEN), "Choose a folder…").clicked() {
                            choose_folder(cx, PURPOSE_FOLDER);
                        }
                        if theme::button(ui, None, "Without real pictures").clicked() {
                            state.atlas.wish.data = None;
                            out.label = Some("choose pictures of the atlas");
                            again = true;
                        }
                    }
                });
            });
            if again {
                self.make(info, state, cx);
            }
            return;
        }
        if self.missing && state.atlas.wish.data.as_deref() == Some("") {
            let title = "An atlas needs the pictures that this model learned from";
            let text = "They are not on this computer. Choose them, or lay out generated and kept pictures alone";
            let words = (ICON_FOLDER_OPEN, title, text);
            let choose = empty_state(ui, cx, self.present.as_ref(), words, Some(own_data::CHOOSE));
            if choose.is_some_and(|b| b.clicked()) {
                own_data::choose(cx, ViewId::Explore);
            }
            let without = ui.vertical_centered(|ui| theme::button(ui, None, "Without real pictures")).inner;
            if without.clicked() {
                state.atlas.wish.data = None;
                out.label = Some("choose pictures of the atlas");
                self.make(info, state, cx);
            }
            return;
        }
        let text = "Pictures that are alike lie side by side: those the model learned from, those it makes, and those \
                    you kept";
        let words = (ICON_SCATTER_PLOT, "No atlas of this model yet", text);
        let made = empty_state(ui, cx, self.present.as_ref(), words, Some("Make the atlas"));
        if made.is_some_and(|b| b.clicked()) {
            self.make(info, state, cx);
        }
    }

    /// Begins to make a sheet.
    fn make(&mut self, info: &ModelInfo, state: &ExploreState, cx: &mut Cx<'_>) {
        let job = cx.new_job();
        let (wish, hash) = (wanted(state), info.hash.clone());
        let kept = if state.atlas.kept {
            let filter = ItemFilter { model: Some(info.name.clone()), ..ItemFilter::default() };
            cx.send(Command::ListItems { filter: filter.clone() });
            Some((info.model.clone(), filter))
        } else {
            self.items = Arc::default();
            let (model, wish) = (info.model.clone(), wish.clone());
            cx.send(Command::Latent(LatentCommand::Atlas { job, model, wish, kept: Vec::new() }));
            None
        };
        self.making = Some(Making { job, wish, hash, kept });
    }
}

/// What is wanted at the truncation in use.
fn wanted(state: &ExploreState) -> AtlasConfig {
    AtlasConfig { truncation: state.here.truncation, ..state.atlas.wish.clone() }
}
