//! A latent space of two numbers, laid out: every cell is what the model makes at that place.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Rect, Sense, Ui, Vec2, pos2, vec2};
use egui_material_icons::icons::{ICON_EXPLORE, ICON_SCATTER_PLOT};

use crate::base::Picture;
use crate::data::is_built_in;
use crate::engine::dataset_locator::clothes;
use crate::engine::{Command, Event, GenerateRequest, JobId, LatentCommand, LatentEvent, SlotId};
use crate::latent::activations::codes::CodePoint;
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::action::Action;
use crate::ui::format;
use crate::ui::state::Studio;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::explore::job_progress::{self, Doing};
use crate::ui::views::explore::tabs::atlas::paint::of_label;
use crate::ui::widgets::own_data::OwnData;

/// Cells a side.
const SIDE: usize = 11;
/// How far the plane reaches from the middle, in standard deviations.
const REACH: f32 = 2.5;
/// The largest plane, in points.
const LARGEST: f32 = 560.0;

/// Radius of the point of a picture.
const DOT: f32 = 2.5;

/// The plane of a model with two numbers.
#[derive(Default)]
pub struct Plane {
    slot: Option<SlotId>,
    ticket: u64,
    /// The model whose plane was asked for.
    of: Option<String>,
    pictures: Vec<Picture>,
    revision: u64,
    own: OwnData,
    /// The search for where pictures lie.
    job: Option<JobId>,
    classes: Option<Classes>,
}

/// Where pictures of each class lie.
struct Classes {
    model: String,
    points: Arc<Vec<CodePoint>>,
    labels: Vec<String>,
    /// The class that most pictures of a cell have.
    most: Vec<Option<usize>>,
}

impl Classes {
    fn new(model: &str, points: &Arc<Vec<CodePoint>>, labels: &[String]) -> Self {
        let mut counts = vec![vec![0u32; labels.len()]; SIDE * SIDE];
        for point in points.iter() {
            let label = point.label.map(|l| l as usize).filter(|l| *l < labels.len());
            if let (Some(cell), Some(label)) = (cell_of(point.at), label) {
                counts[cell][label] += 1;
            }
        }
        let most = |counts: &Vec<u32>| (0..counts.len()).max_by_key(|&i| counts[i]).filter(|&i| counts[i] > 0);
        let (model, points, labels) = (model.into(), points.clone(), labels.to_vec());
        Self { model, points, labels, most: counts.iter().map(most).collect() }
    }
}

/// The model whose latents have two numbers, a shipped one first.
pub fn model(studio: &Studio) -> Option<&ModelInfo> {
    studio.models.iter().find(|m| m.latent == 2 && m.recipe.data.settled().channels != crate::base::Channels::Points)
}

/// The latent of a cell, the upper left one first.
fn place(cell: usize) -> [f32; 2] {
    let along = |i: usize| (i as f32 / (SIDE - 1) as f32 * 2.0 - 1.0) * REACH;
    // Subtracted, so that the middle is 0 rather than −0.
    [along(cell % SIDE), 0.0 - along(cell / SIDE)]
}

/// Where a latent lies, in cells from the upper left corner of the plane.
fn in_cells([x, y]: [f32; 2]) -> [f32; 2] {
    let along = |v: f32| (v / REACH + 1.0) / 2.0 * (SIDE - 1) as f32 + 0.5;
    [along(x), along(-y)]
}

/// The cell that a latent lies in; none beyond the plane.
fn cell_of(at: [f32; 2]) -> Option<usize> {
    let [x, y] = in_cells(at).map(f32::floor);
    let inside = |v: f32| (0.0..SIDE as f32).contains(&v);
    (inside(x) && inside(y)).then(|| y as usize * SIDE + x as usize)
}

fn latent(cell: usize) -> Latent {
    Latent::Point { values: place(cell).to_vec() }
}

/// What Explore says of a picture that was opened here.
const FROM: &str = "From Learn, Latent space";

impl Plane {
    fn ask(&mut self, cx: &mut Cx<'_>, model: &str) {
        if self.of.as_deref() == Some(model) {
            return;
        }
        let slot = *self.slot.get_or_insert_with(|| cx.ids.next());
        (self.ticket, self.of) = (cx.ids.next(), Some(model.to_string()));
        let latents = (0..SIDE * SIDE).map(latent).collect();
        let (model, ticket) = (model.to_string(), self.ticket);
        cx.send(Command::Generate(GenerateRequest { slot, ticket, model, latents, truncation: 1.0 }));
    }

    /// Takes the answer of the dialog that chooses the model's pictures. True if it was for it.
    pub fn picked(&self, purpose: &str, paths: &[PathBuf], cx: &mut Cx<'_>) -> bool {
        self.own.picked(purpose, paths, cx)
    }

    /// What classes need, and the button that shows them; then their names.
    fn classes(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo) {
        self.own.follow(&info.model, cx);
        if let Some(classes) = self.classes.as_ref().filter(|c| c.model == info.model) {
            let (t, mut hide) = (theme::tokens(ui), false);
            ui.horizontal_wrapped(|ui| {
                for (i, label) in classes.labels.iter().enumerate() {
                    theme::whole(ui, |ui| {
                        ui.spacing_mut().item_spacing.x = size::XS;
                        let (dot, _) = ui.allocate_exact_size(Vec2::splat(size::M), Sense::hover());
                        ui.painter().circle_filled(dot.center(), 4.0, of_label(t, i));
                        theme::weak(ui, label);
                    });
                }
                if classes.labels.is_empty() {
                    theme::weak(ui, "These pictures have no classes");
                }
                hide = theme::quiet_button(ui, None, "Hide classes").clicked();
            });
            if hide {
                self.classes = None;
            }
            return;
        }
        if self.own.ask(ui, cx, ViewId::Learn, &info.model) {
            return;
        }
        ui.horizontal_wrapped(|ui| {
            if job_progress::shown(ui, cx, self.job, 140.0, "Encoding pictures", "Cancel") != Doing::Nothing {
                return;
            }
            let needs = if is_built_in(&info.recipe.data.source) || clothes(info) {
                "Encodes pictures that come with the studio: nothing is downloaded, and it takes some seconds"
            } else {
                "Encodes some of the pictures that this model learned from, which are on this computer"
            };
            if theme::button(ui, Some(ICON_SCATTER_PLOT), "Show classes").clicked() {
                let job = cx.new_job();
                let (model, data) = (info.model.clone(), String::new());
                cx.send(Command::Latent(LatentCommand::CodePlane { job, model, data }));
                self.job = Some(job);
            }
            theme::weak(ui, needs);
        });
    }

    /// Takes the pictures in.
    pub fn on_event(&mut self, event: &Event) {
        self.own.on_event(event);
        if let Event::Latent(LatentEvent::CodePlane { job, model, points, labels }) = event
            && self.job.take_if(|j| j == job).is_some()
        {
            self.classes = Some(Classes::new(model, points, labels));
        }
        if let Event::Generated { slot, ticket, pictures, .. } = event
            && (Some(*slot), *ticket) == (self.slot, self.ticket)
        {
            self.pictures.clone_from(pictures);
            self.revision += 1;
        }
    }

    /// Draws it; a click explores the model from there.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(info) = model(cx.studio) else {
            let text = "No model with two numbers is here. Train a VAE with a latent of 2 to see its plane";
            theme::weak(ui, text);
            return;
        };
        let name = info.model.clone();
        self.ask(cx, &name);
        cx.pictures_of(&name);
        let info = info.clone();
        theme::weak(ui, format!("All of {}: left to right is its first number, bottom to top its second", info.name));
        self.classes(ui, cx, &info);
        let side = ui.available_width().min(LARGEST).min((ui.clip_rect().height() - 200.0).max(240.0)).floor();
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
        let cell = side / SIDE as f32;
        let shown = self.classes.as_ref().filter(|c| c.model == name);
        let t = theme::tokens(ui);
        for i in 0..SIDE * SIDE {
            let corner = rect.min + vec2((i % SIDE) as f32, (i / SIDE) as f32) * cell;
            let at = Rect::from_min_size(pos2(corner.x, corner.y), Vec2::splat(cell - 1.0));
            let Some(picture) = self.pictures.get(i) else {
                ui.painter().rect_filled(at, 0.0, t.raised);
                continue;
            };
            let tex = cx.textures.get(ui.ctx(), key(("lesson plane", i)), self.revision, picture);
            textures::paint(ui.painter(), at, &tex, t);
            let response = ui.interact(at, ui.scope_id().with(("plane", i)), Sense::CLICK);
            let [x, y] = place(i);
            let said = format!("Latent {}, {}", format::number(f64::from(x)), format::number(f64::from(y)));
            theme::name(&response, egui::Role::Button, &said);
            let class = shown.and_then(|c| c.labels.get(c.most[i]?)).map(|l| format!(", mostly {l}"));
            let help = format!("{said}{}: click to explore from here", class.unwrap_or_default());
            if response.on_hover_text(help).clicked() {
                cx.push(Action::open(name.clone(), latent(i), 1.0, FROM));
            }
        }
        for point in shown.iter().flat_map(|c| c.points.iter()) {
            let [x, y] = in_cells(point.at).map(|v| v * cell);
            let at = rect.min + vec2(x, y);
            if rect.contains(at) {
                let colour = point.label.map_or(t.text, |label| of_label(t, label as usize));
                ui.painter().circle(at, DOT, colour, egui::Stroke::new(1.0, t.canvas));
            }
        }
        ui.add_space(size::S);
        if theme::button(ui, Some(ICON_EXPLORE), "Explore this plane").clicked() {
            cx.push(Action::open(name, latent(SIDE * SIDE / 2), 1.0, FROM));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plane_is_laid_out_with_its_second_number_upwards() {
        assert_eq!(place(0), [-REACH, REACH]);
        assert_eq!(place(SIDE * SIDE / 2), [0.0, 0.0]);
        assert!(place(SIDE * SIDE / 2)[1].is_sign_positive());
        assert_eq!(place(SIDE * SIDE - 1), [REACH, -REACH]);
        for cell in 0..SIDE * SIDE {
            assert_eq!(cell_of(place(cell)), Some(cell));
        }
        assert_eq!((cell_of([9.0, 0.0]), cell_of([0.0, -9.0])), (None, None));
    }

    #[test]
    fn cells_are_called_by_the_class_that_most_of_their_pictures_have() {
        let point = |x: f32, label: Option<u32>| CodePoint { at: [x, 0.0], label };
        let points =
            [point(0.0, Some(1)), point(0.1, Some(1)), point(0.0, Some(0)), point(2.5, None), point(8.0, Some(0))];
        let classes = Classes::new("m", &Arc::new(points.to_vec()), &["Bag".into(), "Boot".into()]);
        let cell = |x: f32| classes.most[cell_of([x, 0.0]).unwrap()];
        assert_eq!((cell(0.0), cell(2.5), cell(-2.5)), (Some(1), None, None));
    }
}
