//! The atlas: pictures by likeness on one zoomable sheet.
//!
//! - [`cells`]: what lies where. [`paint`]: dots, outlines and the legend. [`thumbs`]: small pictures as one comes nearer.
//! - [`canvas`]: pan, zoom, hover, click, lasso. [`chosen`]: what is done with the points in the lasso.

mod canvas;
mod cells;
mod chosen;
mod paint;
#[cfg(test)]
mod tests;
mod thumbs;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use egui::{ComboBox, DragValue, Pos2, Rect, Ui, vec2};
use egui_material_icons::icons::{
    ICON_CLOSE, ICON_FIT_SCREEN, ICON_FOLDER_OPEN, ICON_LASSO_SELECT, ICON_PHOTO_LIBRARY, ICON_POLYLINE,
    ICON_SCATTER_PLOT,
};
use serde::{Deserialize, Serialize};

use super::super::data::short_name;
use super::desk::Desk;
use super::{Cx, Out, ViewId};
use crate::base::Kind;
use crate::engine::{Command, Event, Item, ItemFilter, JobId, LatentCommand, LatentEvent};
use crate::latent::atlas::Layout;
use crate::latent::atlas::gather::{Atlas, Wish};
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::Latent;
use crate::ui::action::{Action, PickKind};
use crate::ui::format;
use crate::ui::theme;
use cells::Cells;

/// Purposes of the dialogs that choose pictures.
pub const PURPOSE_FOLDER: &str = "atlas pictures";
/// Points of the screen around a sheet that is seen whole.
const MARGIN: f32 = 40.0;
/// How far from its middle a sheet is seen whole, in its own units; what strays farther is a few points.
const FAR: f32 = 1.6;
/// Narrower than this the upper bar is two.
const WIDE: f32 = 780.0;
/// Most pictures of a kind.
const MOST: u32 = 100_000;

/// What colours tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tint {
    /// Real, generated or kept.
    #[default]
    Kind,
    /// The label of a real picture.
    Label,
    /// How far a real picture is from what the model makes of it.
    Hardness,
    /// The rating of a kept picture.
    Rating,
}

impl Tint {
    fn title(self) -> &'static str {
        match self {
            Self::Kind => "Real or generated",
            Self::Label => "Label",
            Self::Hardness => "Hardness",
            Self::Rating => "Rating",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::Kind => "Pictures of the data, of the model, and those that you kept",
            Self::Label => "What real pictures are labelled as",
            Self::Hardness => {
                "How far off the model is at each real picture: in a VAE what comes back of it, elsewhere what the \
                 encoder finds or the nearest sample"
            }
            Self::Rating => "How you rated kept pictures",
        }
    }
}

/// What is laid out on the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AtlasDesk {
    /// What shall be on the sheet.
    pub wish: Wish,
    /// Whether kept pictures of the model are.
    pub kept: bool,
    /// What colours tell.
    pub tint: Tint,
    /// Whether holes are outlined.
    pub holes: bool,
    /// In the middle of the canvas.
    pub x: f64,
    /// In the middle of the canvas.
    pub y: f64,
    /// Points of the screen a unit of the sheet; 0 shows all of it.
    pub scale: f64,
    /// Corners of the lasso.
    pub lasso: Vec<[f32; 2]>,
    /// The sheet that place, scale and lasso are of: its model, and what was wished for.
    pub of: Option<(ModelRef, Wish)>,
}

impl Default for AtlasDesk {
    fn default() -> Self {
        let wish = Wish::default();
        let (lasso, of) = (Vec::new(), None);
        Self { wish, kept: true, tint: Tint::Kind, holes: true, x: 0.0, y: 0.0, scale: 0.0, lasso, of }
    }
}

impl AtlasDesk {
    /// Another sheet is here: places on the last one mean nothing on it.
    fn turn_to(&mut self, model: &ModelRef, wish: Option<&Wish>) {
        let now = wish.map(|w| (model.clone(), w.clone()));
        if self.of != now {
            (self.x, self.y, self.scale) = (0.0, 0.0, 0.0);
            self.lasso.clear();
            self.of = now;
        }
    }

    /// Puts numbers that a hand-edited file may hold back into their ranges.
    pub fn mend(&mut self) {
        let finite = |v: f64| if v.is_finite() { v.clamp(-100.0, 100.0) } else { 0.0 };
        (self.x, self.y) = (finite(self.x), finite(self.y));
        self.scale = if self.scale.is_finite() { self.scale.clamp(0.0, canvas::NEAREST) } else { 0.0 };
        self.wish.limit = self.wish.limit.clamp(1, MOST);
        self.wish.samples = self.wish.samples.min(MOST);
        self.lasso.retain(|p| p.iter().all(|v| v.is_finite()));
    }
}

/// What part of a sheet is on the screen.
#[derive(Clone, Copy, Debug, PartialEq)]
struct View {
    x: f64,
    y: f64,
    scale: f64,
    /// The scale at which all of the sheet is seen.
    whole: f64,
    room: Rect,
}

impl View {
    /// Of a sheet that reaches so far from its middle.
    fn of(desk: &AtlasDesk, room: Rect, reach: [f32; 2]) -> Self {
        let half = |size: f32, reach: f32| f64::from(size / 2.0 - MARGIN) / f64::from(reach.max(1e-3));
        let whole = half(room.width(), reach[0]).min(half(room.height(), reach[1])).max(1.0);
        let scale = if desk.scale > 0.0 { desk.scale } else { whole };
        Self { x: desk.x, y: desk.y, scale, whole, room }
    }

    /// How much nearer than that one is.
    fn nearer(&self) -> f64 {
        self.scale / self.whole
    }

    fn screen(&self, [x, y]: [f32; 2]) -> Pos2 {
        let by = [(f64::from(x) - self.x) * self.scale, (f64::from(y) - self.y) * self.scale];
        self.room.center() + vec2(by[0] as f32, by[1] as f32)
    }

    fn place(&self, at: Pos2) -> [f32; 2] {
        let by = at - self.room.center();
        [(self.x + f64::from(by.x) / self.scale) as f32, (self.y + f64::from(by.y) / self.scale) as f32]
    }
}

/// A sheet that is here.
struct Made {
    model: ModelRef,
    /// Weights it was made by; none where the model changed since it was begun.
    hash: String,
    wish: Option<Wish>,
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
    wish: Wish,
    hash: String,
    /// What it waits for before it begins: the kept pictures of the model.
    kept: Option<(ModelRef, ItemFilter)>,
    /// What is done now, and when that began.
    stage: (String, f64),
}

/// The tab's own state.
#[derive(Default)]
pub struct AtlasTab {
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
    /// A place that was asked what lies there.
    asked: Option<(u64, [f32; 2])>,
    /// The place that one stands at, with its latent.
    standing: Option<([f32; 2], Latent)>,
    /// Where on a sheet a latent lies, as last looked for.
    found: Option<(u64, Latent, Option<[f32; 2]>)>,
    /// Whether the data sets that were used before have been asked for.
    listed: bool,
    arrived: Option<Latent>,
    /// A folder that was chosen.
    folder: Option<PathBuf>,
    number: u64,
}

impl AtlasTab {
    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, desk: &mut Desk, out: &mut Out) {
        if let Some(folder) = self.folder.take() {
            desk.atlas.wish.data = Some(folder.display().to_string());
            out.label = Some("choose pictures of the atlas");
        }
        if let Some(latent) = self.arrived.take() {
            out.stand = Some(latent);
            out.label = Some("stand at a place of the atlas");
        }
        if !std::mem::replace(&mut self.listed, true) {
            cx.send(Command::ListData);
        }
        self.follow(cx);
        self.what(ui, cx, info, desk, out);
        let here = self.made.as_ref().is_some_and(|m| m.model == info.model);
        if !here {
            self.nothing(ui, cx, info, desk, out);
            return;
        }
        close_up(ui);
        theme::toolbar(ui, |ui| self.how(ui, info, &mut desk.atlas, out));
        close_up(ui);
        self.canvas(ui, cx, info, desk, out);
    }

    /// What is done on the way, and whether that ended.
    fn follow(&mut self, cx: &Cx<'_>) {
        let Some(making) = &mut self.making else { return };
        let Some(job) = cx.studio.jobs.get(&making.job) else { return };
        if making.stage.0 != job.title {
            making.stage = (job.title.clone(), cx.time);
        }
        if job.ended && job.problem.as_ref().is_none_or(|p| p.kind == Kind::Interrupted) {
            self.making = None;
        }
    }

    /// Whether a sheet is on its way.
    fn is_making(&self, cx: &Cx<'_>) -> bool {
        self.making.as_ref().is_some_and(|m| cx.studio.jobs.get(&m.job).is_none_or(|j| !j.ended))
    }

    /// The bar of what is on the sheet, or two of them where there is little room.
    fn what(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, desk: &mut Desk, out: &mut Out) {
        let making = self.is_making(cx);
        let wide = ui.available_width() > WIDE;
        theme::toolbar(ui, |ui| {
            ui.add_enabled_ui(!making, |ui| ui.horizontal(|ui| of_what(ui, cx, &mut desk.atlas, out)));
            if wide {
                self.layout(ui, cx, info, desk, out);
            }
        });
        if !wide {
            close_up(ui);
            theme::toolbar(ui, |ui| self.layout(ui, cx, info, desk, out));
        }
    }

    /// How pictures are laid out, and the button that does it.
    fn layout(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, desk: &mut Desk, out: &mut Out) {
        let making = self.is_making(cx);
        let own = &mut desk.atlas.wish;
        ui.add_enabled_ui(!making, |ui| {
            ui.horizontal(|ui| {
                let layouts = [(Layout::Pca, "PCA"), (Layout::Tsne, "t-SNE"), (Layout::Umap, "UMAP")];
                if theme::segmented(ui, "Layout", &mut own.layout, &layouts) {
                    out.label = Some("change the layout");
                }
                let seed = DragValue::new(&mut own.seed).prefix("seed ").speed(0.1);
                let help = "The same pictures and seed give the same sheet";
                if ui.add(seed).accessible_name("Seed of the layout").on_hover_text(help).changed() {
                    out.label = Some("change the layout");
                }
            });
        });
        if making {
            self.progress(ui, cx);
            return;
        }
        let same = self.made.as_ref().filter(|m| m.model == info.model).map(|m| m.wish == Some(wanted(desk)));
        let button = match same {
            None => return,
            Some(true) => theme::button(ui, Some(ICON_SCATTER_PLOT), "Make again"),
            Some(false) => theme::primary_button(ui, Some(ICON_SCATTER_PLOT), "Make again"),
        };
        if button.clicked() {
            self.make(info, desk, cx);
        }
    }

    fn progress(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(making) = &self.making else { return };
        let job = cx.studio.jobs.get(&making.job);
        theme::progress(ui, job.and_then(|j| j.share()), 110.0, "Making the atlas");
        if theme::button(ui, Some(ICON_CLOSE), "Cancel").clicked() {
            cx.push(Action::Cancel(making.job));
            if making.kept.is_some() {
                self.making = None;
                return;
            }
        }
        let t = theme::tokens(ui);
        let text = egui::RichText::new(self.stage(cx)).size(theme::size::SMALL).color(t.weak);
        ui.add(egui::Label::new(text).truncate());
    }

    /// What is done now, and how long that takes yet.
    fn stage(&self, cx: &Cx<'_>) -> String {
        let Some(making) = &self.making else { return String::new() };
        let Some(job) = cx.studio.jobs.get(&making.job) else { return "Waiting".into() };
        let passed = cx.time - making.stage.1;
        let left = (job.done > 0 && job.total > job.done && passed > 0.5)
            .then(|| passed / job.done as f64 * (job.total - job.done) as f64);
        match left.filter(|_| !cx.still) {
            Some(left) => format!("{} · {} left", job.title, format::duration(left)),
            None => job.title.clone(),
        }
    }

    /// The bar of how the sheet is seen.
    fn how(&mut self, ui: &mut Ui, info: &ModelInfo, own: &mut AtlasDesk, out: &mut Out) {
        let combo = ComboBox::from_id_salt("tint").selected_text(own.tint.title()).width(130.0).show_ui(ui, |ui| {
            for tint in [Tint::Kind, Tint::Label, Tint::Hardness, Tint::Rating] {
                if ui.selectable_value(&mut own.tint, tint, tint.title()).on_hover_text(tint.help()).clicked() {
                    out.label = Some("colour the atlas");
                }
            }
        });
        combo.response.accessible_name("Colour by").on_hover_text(own.tint.help());
        let outline = "Outline holes: real pictures where nothing is generated";
        if theme::icon_toggle(ui, ICON_POLYLINE, outline, &mut own.holes).clicked() {
            out.label = Some("outline holes");
        }
        theme::icon_toggle(ui, ICON_LASSO_SELECT, "Lasso: draw around points (or Shift and drag)", &mut self.lassoing);
        if theme::icon_button(ui, ICON_FIT_SCREEN, "Fit all (F)").clicked() {
            (own.x, own.y, own.scale) = (0.0, 0.0, 0.0);
            out.label = Some("move over the atlas");
        }
        let Some(made) = &self.made else { return };
        if made.hash != info.hash {
            theme::toned(ui, theme::Tone::Warn, "Made with earlier weights");
        }
        let holes = made.atlas.holes.len() as u64;
        let n = made.atlas.points.len() as u64;
        let mut text = format::plural(n, "picture", "pictures");
        if holes > 0 {
            text += &format!(" · {}", format::plural(holes, "hole", "holes"));
        }
        theme::weak(ui, text);
        if ui.available_width() > 330.0 {
            theme::weak(ui, "Scroll to zoom, click to stand there, Shift and drag to choose");
        }
    }

    /// While there is no sheet of this model: the button that makes it, what goes on, or what went wrong.
    fn nothing(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, desk: &mut Desk, out: &mut Out) {
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
                    if desk.atlas.wish.data.is_some() {
                        if theme::button(ui, Some(ICON_FOLDER_OPEN), "Choose a folder…").clicked() {
                            choose_folder(cx, PURPOSE_FOLDER);
                        }
                        if theme::button(ui, None, "Without real pictures").clicked() {
                            desk.atlas.wish.data = None;
                            out.label = Some("choose pictures of the atlas");
                            again = true;
                        }
                    }
                });
            });
            if again {
                self.make(info, desk, cx);
            }
            return;
        }
        let text = "Pictures that are alike lie side by side: those the model learned from, those it makes, and those \
                    you kept";
        let made =
            theme::empty_state(ui, ICON_SCATTER_PLOT, "No atlas of this model yet", text, Some("Make the atlas"));
        if made.is_some_and(|b| b.clicked()) {
            self.make(info, desk, cx);
        }
    }

    /// Begins to make a sheet.
    fn make(&mut self, info: &ModelInfo, desk: &Desk, cx: &mut Cx<'_>) {
        let job = cx.new_job();
        let (wish, hash) = (wanted(desk), info.hash.clone());
        let kept = if desk.atlas.kept {
            let filter = ItemFilter { model: Some(info.name.clone()), ..ItemFilter::default() };
            cx.send(Command::ListItems { filter: filter.clone() });
            Some((info.model.clone(), filter))
        } else {
            self.items = Arc::default();
            let (model, wish) = (info.model.clone(), wish.clone());
            cx.send(Command::Latent(LatentCommand::Atlas { job, model, wish, kept: Vec::new() }));
            None
        };
        self.making = Some(Making { job, wish, hash, kept, stage: (String::new(), cx.time) });
    }

    /// Takes what comes from the engine.
    pub fn on_event(&mut self, event: &Event, own: &mut AtlasDesk, cx: &mut Cx<'_>) {
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

    /// Takes the answer of a dialog of this page.
    pub fn picked(&mut self, purpose: &str, paths: &[PathBuf]) -> bool {
        if purpose != PURPOSE_FOLDER {
            return false;
        }
        self.folder = paths.first().cloned();
        true
    }

    /// The model has other weights now: what lies between points is made anew.
    pub fn expire(&mut self) {
        self.standing = None;
        self.chosen.expire();
    }
}

/// Which pictures are on the sheet.
fn of_what(ui: &mut Ui, cx: &mut Cx<'_>, own: &mut AtlasDesk, out: &mut Out) {
    if source(ui, cx, &mut own.wish.data, PURPOSE_FOLDER, true) {
        out.label = Some("choose pictures of the atlas");
    }
    let mut number = |ui: &mut Ui, value: &mut u32, name: &str, unit: &str, help: &str| {
        let least = u32::from(unit == " real");
        let field = DragValue::new(value).range(least..=MOST).speed(20.0).suffix(unit);
        if ui.add(field).accessible_name(name).on_hover_text(help).changed() {
            out.label = Some("change the atlas");
        }
    };
    if own.wish.data.is_some() {
        let help = "So many pictures of the data at most, evenly spread";
        number(ui, &mut own.wish.limit, "Real pictures at most", " real", help);
    }
    number(ui, &mut own.wish.samples, "Samples", " samples", "Pictures that the model makes");
    if theme::icon_toggle(ui, ICON_PHOTO_LIBRARY, "Pictures of the gallery", &mut own.kept).clicked() {
        out.label = Some("change the atlas");
    }
}

/// Puts the next bar right under the last one.
pub fn close_up(ui: &mut Ui) {
    ui.add_space(-ui.spacing().item_spacing.y);
}

/// What is wanted from where one stands.
fn wanted(desk: &Desk) -> Wish {
    Wish { truncation: desk.here.truncation, ..desk.atlas.wish.clone() }
}

fn choose_folder(cx: &mut Cx<'_>, purpose: &'static str) {
    cx.pick(ViewId::Explore, purpose, PickKind::Folder, "Choose a folder of pictures", &[]);
}

/// The choice of real pictures, of none too if `or_none`; a dialog answers with `purpose`. True when it changed.
pub fn source(ui: &mut Ui, cx: &mut Cx<'_>, data: &mut Option<String>, purpose: &'static str, or_none: bool) -> bool {
    let before = data.clone();
    let title = match data.as_deref() {
        None => "No real pictures".to_string(),
        Some("") => "The model's own data".to_string(),
        Some(source) => short_name(source),
    };
    let combo = ComboBox::from_id_salt(purpose).selected_text(title).width(140.0).truncate().show_ui(ui, |ui| {
        ui.set_min_width(200.0);
        ui.selectable_value(data, Some(String::new()), "The model's own data");
        for set in &cx.studio.datasets {
            ui.selectable_value(data, Some(set.source.clone()), short_name(&set.source));
        }
        if or_none {
            ui.selectable_value(data, None, "No real pictures");
        }
        if theme::quiet_button(ui, Some(ICON_FOLDER_OPEN), "Choose a folder…").clicked() {
            choose_folder(cx, purpose);
            ui.close();
        }
    });
    combo.response.accessible_name("Real pictures");
    *data != before
}
