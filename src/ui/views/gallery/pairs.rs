//! Which is better? Two pictures side by side, chosen between by a key; the ranking that follows, and how well it foresees
//! choices that it has not seen.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{ComboBox, Grid, Key, Modifiers, Rect, Role, Sense, Ui, vec2};
use egui_material_icons::icons::{ICON_CLOSE, ICON_COMPARE, ICON_SKIP_NEXT};

use super::{Cx, GalleryView, Overlay};
use crate::base::Picture;
use crate::engine::{Command, Event, JobId, ModelRank, PairsOf, Ranking, RecordsCommand, RecordsEvent};
use crate::recipe::picture::Latent;
use crate::ui::action::Action;
use crate::ui::format;
use crate::ui::textures::{self, Subject, key};
use crate::ui::theme::{self, size};
use crate::ui::views::ViewId;

/// Latents that checkpoints of a run are compared by.
const LATENTS: u64 = 12;
/// Checkpoints of a run that are compared at most, the newest ones.
const CHECKPOINTS: usize = 4;
/// Pictures of the ranking that are listed.
const LISTED: usize = 12;

/// The page's own state.
#[derive(Default)]
pub(super) struct Pairs {
    of: PairsOf,
    pair: Option<[(i64, Arc<Picture>); 2]>,
    /// Whether an answer came yet.
    told: bool,
    /// Pairs that were passed over.
    passed: Vec<(i64, i64)>,
    ranking: Arc<Ranking>,
    models: Arc<Vec<ModelRank>>,
    /// Jobs that make pictures of checkpoints of runs, and whether each has ended; those of a run go when all have.
    making: Vec<(PathBuf, JobId, bool)>,
    /// Whether the pictures that were waited for are there now.
    made: bool,
}

impl Pairs {
    pub(super) fn on_event(&mut self, event: &Event) {
        if let Event::JobEnded { job, .. } = event
            && let Some(at) = self.making.iter().position(|(_, making, _)| making == job)
        {
            self.making[at].2 = true;
            let run = self.making[at].0.clone();
            if self.making.iter().all(|(of, _, ended)| *of != run || *ended) {
                self.making.retain(|(of, ..)| *of != run);
                self.made = true;
            }
        }
        let Event::Records(event) = event else { return };
        if let RecordsEvent::Pair { pair, ranking, models } = &**event {
            self.pair = pair.clone().map(|pair| pair.map(|(id, picture)| (id, Arc::new(picture))));
            (self.ranking, self.models, self.told) = (Arc::new((**ranking).clone()), Arc::new(models.clone()), true);
        }
    }
}

impl Pairs {
    /// Whether pictures of the checkpoints that are compared are on their way.
    fn is_making(&self) -> bool {
        matches!(&self.of, PairsOf::Checkpoints(dir) if self.making.iter().any(|(of, ..)| of == dir))
    }
}

#[cfg(test)]
impl Pairs {
    /// The pair that is shown.
    pub(super) fn shown(&self) -> Option<(i64, i64)> {
        self.pair.as_ref().map(|[(a, _), (b, _)]| (*a, *b))
    }
}

impl GalleryView {
    /// What a picture is of: that of its model, whose pictures may have hard pixels, if it is listed.
    pub(super) fn subject(&self, id: i64, cx: &Cx<'_>) -> Subject {
        let item = self.place(id).and_then(|place| self.items.get(place));
        item.map_or_else(|| Subject::new(("item", id), None), |item| cx.studio.subject_of_item(item))
    }

    /// Opens the page.
    pub(super) fn open_pairs(&mut self, cx: &mut Cx<'_>) {
        self.overlay = Some(Overlay::Pairs);
        self.ask_pair(cx);
    }

    fn ask_pair(&mut self, cx: &mut Cx<'_>) {
        let (of, passed) = (self.pairs.of.clone(), self.pairs.passed.clone());
        cx.send(Command::Records(RecordsCommand::Pair { of, passed }));
    }

    /// Notes a choice (`Some(0)`: the left one), or passes the pair over.
    fn choose(&mut self, which: Option<usize>, cx: &mut Cx<'_>) {
        let Some([(left, _), (right, _)]) = self.pairs.pair.take() else { return };
        let (of, passed) = (self.pairs.of.clone(), &mut self.pairs.passed);
        match which {
            Some(which) => {
                let (better, worse) = if which == 0 { (left, right) } else { (right, left) };
                let passed = passed.clone();
                cx.send(Command::Records(RecordsCommand::Choose { better, worse, of, passed }));
            }
            None => {
                passed.push((left, right));
                self.ask_pair(cx);
            }
        }
    }

    /// Draws the page.
    pub(super) fn show_pairs(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if std::mem::take(&mut self.pairs.made) {
            self.pairs.told = false;
            self.ask_pair(cx);
        }
        let keys = cx.has_keys(ViewId::Gallery);
        let pressed = |key| keys && ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
        let mut close = pressed(Key::Escape);
        let mut choice = None;
        if pressed(Key::ArrowLeft) {
            choice = Some(Some(0));
        } else if pressed(Key::ArrowRight) {
            choice = Some(Some(1));
        } else if pressed(Key::ArrowDown) || pressed(Key::Space) {
            choice = Some(None);
        }
        theme::toolbar(ui, |ui| {
            theme::weak(ui, "Which is better?");
            self.pairs_of(ui, cx);
            if theme::quiet_button(ui, Some(ICON_SKIP_NEXT), "Skip").on_hover_text("Neither (Space)").clicked() {
                choice = Some(None);
            }
            theme::at_end(ui, |ui| close |= theme::icon_button(ui, ICON_CLOSE, "Close (Esc)").clicked());
        });
        match self.pairs.pair.clone() {
            Some(pair) => {
                let subjects = [0, 1].map(|i| self.subject(pair[i].0, cx));
                if let Some(which) = two(ui, &pair, subjects, cx) {
                    choice = Some(Some(which));
                }
            }
            None if self.pairs.is_making() => self.being_made(ui, cx),
            None if self.pairs.told => self.no_pair(ui, cx),
            None => {
                theme::skeleton(ui, vec2(ui.available_width(), 200.0));
            }
        }
        self.ranking(ui, cx);
        if let Some(which) = choice {
            self.choose(which, cx);
        }
        if close {
            self.overlay = None;
        }
    }

    /// Between which pictures is chosen.
    fn pairs_of(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let (before, mut of) = (self.pairs.of.clone(), self.pairs.of.clone());
        let run_name = |dir: &PathBuf| cx.studio.run(dir).map_or_else(|| dir.display().to_string(), |r| r.name.clone());
        let text = match &before {
            PairsOf::All => "All pictures".to_owned(),
            PairsOf::Model(model) => format::shortened(model, 20),
            PairsOf::Checkpoints(dir) => format!("Checkpoints of {}", format::shortened(&run_name(dir), 14)),
        };
        let models = self.models.clone();
        let combo = ComboBox::from_id_salt("pairs of").selected_text(text).width(170.0).show_ui(ui, |ui| {
            ui.selectable_value(&mut of, PairsOf::All, "All pictures");
            for model in models {
                ui.selectable_value(&mut of, PairsOf::Model(model.clone()), format::shortened(&model, 28));
            }
            for run in cx.studio.runs.iter().filter(|r| r.checkpoints.len() > 1) {
                let name = format!("Checkpoints of {}", format::shortened(&run.name, 20));
                ui.selectable_value(&mut of, PairsOf::Checkpoints(run.dir.clone()), name);
            }
        });
        theme::name(&combo.response, Role::ComboBox, "Pairs of");
        if of != before {
            self.pairs_between(of, cx);
        }
    }

    /// Chooses between other pictures from now on.
    pub(super) fn pairs_between(&mut self, of: PairsOf, cx: &mut Cx<'_>) {
        (self.pairs.of, self.pairs.pair, self.pairs.told) = (of, None, false);
        self.pairs.passed.clear();
        self.ask_pair(cx);
    }

    /// What there is to do where there is no pair.
    fn no_pair(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let PairsOf::Checkpoints(dir) = self.pairs.of.clone() else {
            let text = "Keep at least two pictures, or choose other ones above";
            theme::empty_state(ui, ICON_COMPARE, "There is no pair to choose between", text, None);
            return;
        };
        let text = "The same latents are made at each of the newest checkpoints and kept, to be chosen between";
        let action = theme::empty_state(ui, ICON_COMPARE, "No pictures of these checkpoints", text, Some("Make them"));
        if action.is_some_and(|button| button.clicked()) {
            let run = cx.studio.run(&dir).map(|r| r.checkpoints.clone()).unwrap_or_default();
            let latents: Vec<Latent> = (1..=LATENTS).map(|seed| Latent::Seed { seed }).collect();
            for checkpoint in run.iter().rev().take(CHECKPOINTS) {
                let kimg = checkpoint.images as f64 / 1000.0;
                let model = format!("{}@{kimg}", dir.display());
                let (job, latents) = (cx.new_job(), latents.clone());
                self.pairs.making.push((dir.clone(), job, false));
                let job = Some(job);
                let made_by = format!("checkpoint {kimg} kimg");
                cx.send(Command::Keep { job, model, latents, truncation: 1.0, made_by, starred: false });
            }
        }
    }

    /// Pictures of checkpoints are on their way.
    fn being_made(&self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let PairsOf::Checkpoints(dir) = &self.pairs.of else { return };
        let jobs: Vec<(JobId, bool)> =
            self.pairs.making.iter().filter(|(of, ..)| of == dir).map(|(_, job, ended)| (*job, *ended)).collect();
        let share = |(job, ended): &(JobId, bool)| match ended {
            true => 1.0,
            false => cx.studio.jobs.get(job).and_then(|job| job.share()).unwrap_or_default(),
        };
        let (all, done) = (jobs.len(), jobs.iter().map(share).sum::<f32>());
        ui.add_space(size::L);
        ui.horizontal(|ui| {
            ui.add_space(size::M);
            theme::weak(
                ui,
                format!("Making the same pictures at {}", format::plural(all as u64, "checkpoint", "checkpoints")),
            );
            theme::progress(ui, Some(done / all.max(1) as f32), 160.0, "Making pictures of checkpoints");
            if theme::button(ui, Some(ICON_CLOSE), "Cancel").clicked() {
                jobs.iter().filter(|(_, ended)| !ended).for_each(|(job, _)| cx.push(Action::Cancel(*job)));
            }
        });
    }

    /// The ranking so far, and how well it foresees.
    fn ranking(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let ranking = self.pairs.ranking.clone();
        theme::page(ui, "ranking", |ui| {
            let foreseen = if ranking.foreseen_of == 0 {
                "too few to say how well the order foresees others".to_owned()
            } else {
                format!(
                    "{} of {} held-out ones foreseen ({:.0} to {:.0} %, chance is 50 %)",
                    ranking.foreseen,
                    ranking.foreseen_of,
                    ranking.share.0 * 100.0,
                    ranking.share.1 * 100.0
                )
            };
            ui.label(format!("{}: {foreseen}", format::plural(ranking.choices, "choice", "choices")));
            ui.add_space(size::S);
            if !self.pairs.models.is_empty() {
                table(ui, &self.pairs.models);
                return;
            }
            let ids: Vec<i64> = ranking.pictures.iter().take(LISTED).map(|p| p.item).collect();
            let missing = self.thumbs.missing(ids.iter().copied());
            if !missing.is_empty() {
                cx.send(Command::ItemThumbs { ids: missing });
            }
            ui.horizontal_wrapped(|ui| {
                for (place, ranked) in ranking.pictures.iter().take(LISTED).enumerate() {
                    let (rect, response) = ui.allocate_exact_size(vec2(56.0, 56.0), Sense::hover());
                    cx.textures.of(self.subject(ranked.item, cx));
                    if let Some(tex) = self.thumbs.tex(ranked.item, cx.textures, &ui.ctx().clone()) {
                        let fitted = Rect::from_center_size(rect.center(), tex.fit(rect.size()));
                        textures::paint(ui.painter(), fitted, &tex, theme::tokens(ui));
                    }
                    let told = format!("Place {}: won {} of {}", place + 1, ranked.won, ranked.of);
                    theme::name(&response, Role::Image, &told);
                    response.on_hover_text(told);
                }
            });
        });
    }
}

/// Two pictures as large as there is room, each of its subject; says which was clicked.
fn two(ui: &mut Ui, pair: &[(i64, Arc<Picture>); 2], subjects: [Subject; 2], cx: &mut Cx<'_>) -> Option<usize> {
    let t = theme::tokens(ui);
    let height = (ui.available_height() * 0.62).max(160.0);
    let width = (ui.available_width() - size::M * 3.0) / 2.0;
    let mut chosen = None;
    ui.horizontal(|ui| {
        ui.add_space(size::M);
        for (i, (id, picture)) in pair.iter().enumerate() {
            let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click());
            cx.textures.of(subjects[i]);
            let tex = cx.textures.get(ui.ctx(), key(("pair", id)), 0, picture);
            let fitted = Rect::from_center_size(rect.center(), tex.fit(rect.shrink(size::S).size()));
            textures::paint(ui.painter(), fitted, &tex, t);
            if response.hovered() || response.has_focus() {
                let stroke = egui::Stroke::new(2.0, t.accent);
                ui.painter().rect_stroke(fitted.expand(2.0), 2.0, stroke, egui::StrokeKind::Outside);
            }
            let side = ["Left is better (←)", "Right is better (→)"][i];
            theme::name(&response, Role::Button, side);
            if response.on_hover_text(side).clicked() {
                chosen = Some(i);
            }
        }
    });
    chosen
}

/// Checkpoints, the best first.
fn table(ui: &mut Ui, models: &[ModelRank]) {
    Grid::new("checkpoints").num_columns(4).spacing(vec2(size::L, size::XS)).show(ui, |ui| {
        for title in ["Checkpoint", "Pictures", "Won", "Strength"] {
            theme::weak(ui, title);
        }
        ui.end_row();
        for model in models {
            let hash: String = model.hash.chars().take(8).collect();
            ui.label(&model.name).on_hover_text(hash);
            ui.label(format::count(model.pictures));
            ui.label(format!("{} of {}", model.won, model.of));
            ui.label(format!("{:+.2}", model.strength));
            ui.end_row();
        }
    });
}
