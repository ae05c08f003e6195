//! Pictures that stand for a latent: tiles to click and drag away, and slots that take what is dropped on them.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{
    Context, CornerRadius, DragAndDrop, DragValue, Id, LayerId, Order, Pos2, Rect, Response, Role, Sense, Stroke,
    StrokeKind, Ui, WidgetInfo,
};
use serde::{Deserialize, Serialize};

use crate::base::Picture;
use crate::latent::walk::plane;
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::action::{Dragged, DraggedWhat};
use crate::ui::state::Studio;
use crate::ui::textures::{self, Tex, Textures};
use crate::ui::theme;

/// Points of a drag across that go from one seed to the next.
const POINTS_PER_SEED: f32 = 96.0;
/// Seeds above this are not exact in a number field.
const LARGEST: u64 = 1 << 53;

/// Where a corner of a grid or a stop of a walk lies: at a seed, between two while it is dragged, or anywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Anchor {
    /// A seed; between whole numbers, the mix of both neighbours.
    Seed(f64),
    /// Any latent.
    At(Latent),
}

impl From<Latent> for Anchor {
    fn from(latent: Latent) -> Self {
        match latent {
            Latent::Seed { seed } if seed < LARGEST => Self::Seed(seed as f64),
            other => Self::At(other),
        }
    }
}

impl Anchor {
    /// The latent, for a model with `dim` dimensions.
    pub fn latent(&self, dim: usize) -> Latent {
        match self {
            Self::Seed(x) if x.fract() == 0.0 => Latent::Seed { seed: *x as u64 },
            Self::Seed(x) => Latent::Point { values: plane(*x, 0.0, dim) },
            Self::At(latent) => latent.clone(),
        }
    }

    /// Its numbers.
    pub fn values(&self, dim: usize) -> Vec<f32> {
        self.latent(dim).values(dim)
    }

    /// What to call it.
    pub fn label(&self) -> String {
        match self {
            Self::Seed(x) if x.fract() == 0.0 => format!("seed {x:.0}"),
            Self::Seed(x) => format!("seed {x:.2}"),
            Self::At(latent) => latent_label(latent),
        }
    }
}

/// What to call a latent.
pub fn latent_label(latent: &Latent) -> String {
    latent.label()
}

/// A picture that stands for a latent.
pub struct Tile<'a> {
    /// The picture, if it has arrived.
    pub tex: Option<&'a Tex>,
    /// Its name.
    pub name: &'a str,
    /// Framed with the accent.
    pub selected: bool,
    /// Whether Tab stops here; leave it off for the cells of a grid that is one stop itself.
    pub focusable: bool,
}

/// Draws a tile at a place. Clicks and drags are the caller's.
pub fn tile(ui: &Ui, id: Id, rect: Rect, tile: &Tile<'_>) -> Response {
    let sense = if tile.focusable { Sense::click_and_drag() } else { Sense::CLICK | Sense::DRAG };
    let response = ui.interact(rect, id, sense);
    let (selected, name) = (tile.selected, tile.name);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, name));
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let t = theme::tokens(ui);
    match tile.tex {
        Some(tex) => textures::paint(ui.painter(), rect, tex, t),
        None => {
            ui.painter().rect_filled(rect, CornerRadius::same(2), t.raised);
        }
    }
    let (stroke, kind) = if tile.selected {
        (Stroke::new(2.0, t.accent), StrokeKind::Outside)
    } else if response.has_focus() {
        (Stroke::new(2.0, t.accent), StrokeKind::Inside)
    } else if response.hovered() {
        (Stroke::new(1.0, t.text), StrokeKind::Inside)
    } else {
        (Stroke::NONE, StrokeKind::Inside)
    };
    ui.painter().rect_stroke(rect, CornerRadius::same(2), stroke, kind);
    response
}

/// Lets a picture be dragged away as a latent of a model; a right click asks for its menu.
pub fn drag_latent(response: &Response, model: &str, latent: &Latent, truncation: f32, picture: Option<&Arc<Picture>>) {
    drag_only(response, model, latent, truncation, picture);
    if response.secondary_clicked() {
        ask_menu(&response.ctx, DraggedWhat::Latent { model: model.into(), latent: latent.clone(), truncation });
    }
}

/// As [`drag_latent`], for pictures that have a menu of their own.
pub fn drag_only(response: &Response, model: &str, latent: &Latent, truncation: f32, picture: Option<&Arc<Picture>>) {
    if response.drag_started() {
        let what = DraggedWhat::Latent { model: model.into(), latent: latent.clone(), truncation };
        DragAndDrop::set_payload(&response.ctx, Dragged { picture: picture.cloned(), what });
    }
}

/// The picture whose menu was asked for, and where.
type Asked = Option<(DraggedWhat, Option<Pos2>)>;

/// Asks for the menu of a picture: the view that has one opens it, under the pointer if that is over the window.
pub fn ask_menu(ctx: &Context, what: DraggedWhat) {
    let at = ctx.input(|i| i.pointer.interact_pos());
    ctx.data_mut(|d| d.insert_temp::<Asked>(Id::unique("picture menu"), Some((what, at))));
}

/// The picture whose menu was asked for since the last call, and where the pointer was.
pub fn asked_menu(ctx: &Context) -> Asked {
    ctx.data_mut(|d| d.remove_temp::<Asked>(Id::unique("picture menu")).flatten())
}

/// Draws what is dragged under the pointer; once a frame, whichever view is first.
pub fn ghost(ctx: &Context, textures: &mut Textures) {
    let Some(dragged) = DragAndDrop::payload::<Dragged>(ctx) else { return };
    let (Some(picture), Some(at)) = (&dragged.picture, ctx.input(|i| i.pointer.latest_pos())) else { return };
    let id = Id::unique("what is dragged");
    let pass = ctx.cumulative_pass_nr();
    let drawn = ctx.data_mut(|d| std::mem::replace(d.get_temp_mut_or(id, 0u64), pass) == pass);
    if drawn {
        return;
    }
    // The picture's place in memory names it: it lives as long as it is dragged.
    let tex = textures.get(ctx, textures::key("dragged"), Arc::as_ptr(picture) as u64, picture);
    let rect = Rect::from_min_size(at + egui::vec2(12.0, 12.0), tex.fit(egui::Vec2::splat(64.0)));
    let painter = ctx.layer_painter(LayerId::new(Order::Tooltip, id));
    let t = theme::tokens_of(ctx);
    textures::paint(&painter, rect, &tex, t);
    painter.rect_stroke(rect, CornerRadius::same(2), Stroke::new(1.0, t.accent), StrokeKind::Outside);
}

/// What was dropped on a slot.
#[derive(Clone, Debug, PartialEq)]
pub enum Dropped {
    /// A latent of this model.
    Latent(Latent),
    /// A picture file: a VAE can encode it.
    File(PathBuf),
    /// A picture of another model.
    Foreign,
}

/// Lights a slot up while something it takes is dragged over the window, and says what was dropped on it.
pub fn take_drop(ui: &Ui, response: &Response, studio: &Studio, model: Option<&ModelInfo>) -> Option<Dropped> {
    let held = DragAndDrop::payload::<Dragged>(ui.ctx())?;
    // A tile is no slot for itself.
    if ui.ctx().dragged_id() == Some(response.id) {
        return None;
    }
    let over = response.contains_pointer();
    highlight(ui, response.rect, over);
    if !over || !ui.input(|i| i.pointer.any_released()) {
        return None;
    }
    DragAndDrop::clear_payload(ui.ctx());
    Some(resolve(&held.what, studio, model))
}

/// Shows that a slot takes what is dragged.
pub fn highlight(ui: &Ui, rect: Rect, over: bool) {
    let t = theme::tokens(ui);
    if over {
        ui.painter().rect_filled(rect, CornerRadius::same(2), t.accent.gamma_multiply(0.25));
    }
    let stroke = Stroke::new(if over { 2.0 } else { 1.0 }, t.accent);
    ui.painter().rect_stroke(rect, CornerRadius::same(2), stroke, StrokeKind::Inside);
}

/// What something dragged is to a model.
pub fn resolve(what: &DraggedWhat, studio: &Studio, model: Option<&ModelInfo>) -> Dropped {
    match what {
        DraggedWhat::Latent { model: from, latent, .. } => match model {
            Some(info) if info.model == *from => Dropped::Latent(latent.clone()),
            _ => Dropped::Foreign,
        },
        DraggedWhat::Item(id) => {
            let items = studio.items.iter().flat_map(|i| i.items.iter());
            let recipe = items.filter(|i| i.id == *id).find_map(|i| i.recipe.as_ref());
            match (recipe, model) {
                (Some(r), Some(info)) if r.model_hash == info.hash || r.model == info.name || r.model == info.model => {
                    Dropped::Latent(r.latent.clone())
                }
                _ => Dropped::Foreign,
            }
        }
        DraggedWhat::File(path) => Dropped::File(path.clone()),
    }
}

/// What happened at an anchor's slot this frame.
pub struct SlotResponse {
    /// The picture's response: a click opens it.
    pub response: Response,
    /// The anchor changed.
    pub changed: bool,
    /// A picture file was dropped on it.
    pub file: Option<PathBuf>,
    /// A picture of another model was dropped on it.
    pub foreign: bool,
}

/// A picture whose anchor follows a drag across (one seed every 96 points, smoothly), a number field, or a drop.
pub fn anchor_slot(
    ui: &mut Ui,
    id: Id,
    rect: Rect,
    picture: &Tile<'_>,
    anchor: &mut Anchor,
    studio: &Studio,
    model: Option<&ModelInfo>,
) -> SlotResponse {
    let response = tile(ui, id, rect, picture).on_hover_cursor(egui::CursorIcon::ResizeHorizontal);
    let before = anchor.clone();
    if response.dragged() && response.drag_delta().x != 0.0 {
        let x = match anchor {
            Anchor::Seed(x) => *x,
            // A drag leaves any other point for the seeds.
            Anchor::At(_) => 0.0,
        };
        *anchor = Anchor::Seed((x + f64::from(response.drag_delta().x / POINTS_PER_SEED)).max(0.0));
    }
    if response.drag_stopped()
        && let Anchor::Seed(x) = anchor
    {
        *x = x.round();
    }
    if response.has_focus() {
        let step = ui.input(|i| {
            i32::from(i.key_pressed(egui::Key::ArrowRight)) - i32::from(i.key_pressed(egui::Key::ArrowLeft))
        });
        if step != 0
            && let Anchor::Seed(x) = anchor
        {
            *x = (*x + f64::from(step)).max(0.0);
        }
    }
    let (mut file, mut foreign) = (None, false);
    match take_drop(ui, &response, studio, model) {
        Some(Dropped::Latent(latent)) => *anchor = latent.into(),
        Some(Dropped::File(path)) => file = Some(path),
        Some(Dropped::Foreign) => foreign = true,
        None => {}
    }
    SlotResponse { response, changed: *anchor != before, file, foreign }
}

/// The number field of an anchor: its seed, or what it is otherwise. True when it changed.
pub fn anchor_field(ui: &mut Ui, anchor: &mut Anchor, name: &str) -> bool {
    let (mut seed, point) = match anchor {
        Anchor::Seed(x) => (*x, None),
        Anchor::At(latent) => (0.0, Some(latent_label(latent))),
    };
    let mut field = DragValue::new(&mut seed).range(0.0..=LARGEST as f64).speed(0.1).max_decimals(2);
    if let Some(point) = point {
        field = field.custom_formatter(move |_, _| point.clone());
    } else {
        // Seeds are whole, except under a drag.
        let text = |v: f64| if v.fract() == 0.0 { format!("{v:.0}") } else { format!("{v:.2}") };
        field = field.prefix("seed ").custom_formatter(move |v, _| text(v));
    }
    let response = ui.add(field).accessible_name(name);
    let changed = response.changed();
    if changed {
        // Between seeds only while the pointer drags.
        *anchor = Anchor::Seed(if response.dragged() { seed } else { seed.round() });
    }
    if response.drag_stopped()
        && let Anchor::Seed(x) = anchor
    {
        *x = x.round();
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_seeds_where_they_can_be() {
        assert_eq!(Anchor::from(Latent::Seed { seed: 7 }), Anchor::Seed(7.0));
        assert_eq!(Anchor::Seed(7.0).latent(4), Latent::Seed { seed: 7 });
        let huge = Latent::Seed { seed: u64::MAX };
        assert_eq!(Anchor::from(huge.clone()).latent(4), huge);
        let between = Anchor::Seed(7.5).values(64);
        assert_ne!(between, Anchor::Seed(7.0).values(64));
        assert_eq!(Anchor::Seed(7.5).label(), "seed 7.50");
    }

    #[test]
    fn only_pictures_of_the_same_model_are_taken() {
        let info = crate::engine::fake::models().remove(0);
        let studio = Studio::default();
        let what = |model: &str| DraggedWhat::Latent {
            model: model.into(),
            latent: Latent::Seed { seed: 1 },
            truncation: 1.0,
        };
        assert_eq!(resolve(&what(&info.model), &studio, Some(&info)), Dropped::Latent(Latent::Seed { seed: 1 }));
        assert_eq!(resolve(&what("another"), &studio, Some(&info)), Dropped::Foreign);
        let file = PathBuf::from("/x.png");
        assert_eq!(resolve(&DraggedWhat::File(file.clone()), &studio, Some(&info)), Dropped::File(file));
    }
}
