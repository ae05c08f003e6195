//! What the tabs of Explore want, and how it comes about: one step of Undo for each gesture.

use egui::Ui;
use egui_material_icons::icons::ICON_EXPLORE;

use super::desk::Stand;
use super::feed::Wish;
use super::{Cx, ExploreView, ViewId, came};
use crate::base::Problem;
use crate::engine::{Command, JobId};
use crate::latent::film::Timeline;
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::Latent;
use crate::ui::theme;
use crate::ui::widgets::export_dialog::Subject;

/// Seconds of typing, key presses or turns of the wheel that make one step of Undo.
const TYPING: f64 = 0.8;
/// What a tab wants; applied once it is drawn.
#[derive(Default)]
pub(super) struct Out {
    /// Stand here.
    pub stand: Option<Latent>,
    /// Without truncation: the place was found for a picture that the model makes there.
    pub whole: bool,
    /// Keep these in the gallery, starred.
    pub keep: Vec<Latent>,
    /// The job that keeps them, where there are many.
    pub keep_job: Option<JobId>,
    /// Export these: latents, what made them, columns on the screen, proposed format.
    pub export: Option<(Vec<Latent>, &'static str, u32, Option<&'static str>)>,
    /// Export these of two models: both, and latents of each.
    pub export_both: Option<([ModelInfo; 2], [Vec<Latent>; 2])>,
    /// What changed on the desk, as Undo calls it.
    pub label: Option<&'static str>,
    /// A picture of another model was dropped on a slot.
    pub foreign: bool,
    /// Look at another model.
    pub model: Option<ModelRef>,
    /// Render this film.
    pub film: Option<Timeline>,
}

/// A change that is still going on: a drag, or typing.
pub(super) struct Gesture {
    label: &'static str,
    time: f64,
    held: bool,
    /// The pass in which the pointer was let go; what changes in it still belongs to the drag.
    released: u64,
}

impl ExploreView {
    /// Draws a part, then applies what it wants, keeps a step of Undo where one is due, and asks for pictures.
    pub(super) fn part(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        draw: impl FnOnce(&mut Self, &mut Ui, &mut Cx<'_>, &mut Out),
    ) {
        let before = self.desk.clone();
        let mut out = Out::default();
        draw(self, ui, cx, &mut out);
        let stood = out.stand.is_some() || out.model.is_some();
        if let Some(latent) = out.stand.take() {
            self.desk.here.latent = self.desk.here.classed(&latent);
            if out.whole {
                self.desk.here.truncation = 1.0;
            }
            self.desk.came = came::of(self.tab, &self.desk, out.label);
            out.label.get_or_insert("stand elsewhere");
        }
        if let Some(model) = out.model.take() {
            self.select(Some(model.clone()), cx);
            self.desk.here.model = Some(model);
            self.desk.here.latent = self.desk.here.latent.with_class(&[]);
            out.label = Some("change model");
        }
        if self.desk.here.latent != before.here.latent && !stood {
            self.desk.came = came::changed(&before.came);
        }
        let held = ui.input(|i| i.pointer.any_down());
        let pass = ui.ctx().cumulative_pass_nr();
        if let Some(gesture) = self.gesture.as_mut().filter(|g| g.held && !held) {
            (gesture.held, gesture.released) = (false, pass);
        }
        if self.desk != before {
            let label = out.label.unwrap_or("change Explore");
            let typed = |e: &egui::Event| matches!(e, egui::Event::Key { .. } | egui::Event::Text(_));
            let turned = |i: &egui::InputState| i.smooth_scroll_delta != egui::Vec2::ZERO || i.zoom_delta() != 1.0;
            let typing = ui.input(|i| turned(i) || i.events.iter().any(typed));
            let going_on = self.gesture.as_ref().is_some_and(|g| {
                g.held || g.released == pass || g.label == label && typing && cx.time - g.time < TYPING
            });
            if !going_on {
                let state = serde_json::to_value(&before).unwrap_or_default();
                cx.undo_point(ViewId::Explore, label, state);
            }
            let released = if held { 0 } else { self.gesture.as_ref().map_or(0, |g| g.released) };
            self.gesture = Some(Gesture { label, time: cx.time, held, released });
        }
        if !held && self.desk.here.model.is_some() {
            self.trail.visit(&self.desk.here);
            // A picture that came while it was dragged is that of the new stop.
            let here = &self.desk.here;
            if let Some(model) = here.model.clone() {
                let wish = Wish { model, latents: vec![here.latent.clone()], truncation: here.truncation };
                if let Some(picture) = self.present.of(&wish, 0) {
                    self.trail.see(here, picture);
                }
            }
        }
        self.apply(out, cx);
        self.look(cx);
    }

    pub(super) fn apply(&mut self, mut out: Out, cx: &mut Cx<'_>) {
        let Some(info) = self.info(cx.studio) else { return };
        if out.foreign {
            cx.say(
                Problem::usage("This picture was made by another model")
                    .try_this("Choose that model first, or drag a picture of this one")
                    .info(),
            );
        }
        let truncation = self.desk.here.truncation;
        if !out.keep.is_empty() {
            out.keep = self.desk.here.all_classed(&out.keep);
            for latent in &out.keep {
                self.kept.push(Stand { model: Some(info.model.clone()), latent: latent.clone(), truncation });
            }
            let (model, made_by) = (info.model.clone(), "sample".to_string());
            let job = out.keep_job;
            cx.send(Command::Keep { job, model, latents: out.keep, truncation, made_by, starred: true });
        }
        if let Some(timeline) = out.film {
            let subject = Subject::Film { model: info.model.clone(), timeline: Box::new(timeline) };
            self.export.begin(subject, &info.name, info.resolution, Some("mp4"), &cx.studio.settings.export);
        }
        if let Some((models, latents)) = out.export_both {
            let name = format!("{}-{}", models[0].name, models[1].name);
            let pixels = models[0].resolution.max(models[1].resolution);
            let models = models.map(|m| m.model);
            let subject = Subject::Both { models, latents, truncation, beside: true };
            self.export.begin(subject, &name, pixels, Some("grid"), &cx.studio.settings.export);
        }
        if let Some((latents, made_by, columns, format)) = out.export {
            let latents = self.desk.here.all_classed(&latents);
            let subject = Subject::Latents { model: info.model.clone(), latents, truncation, made_by, columns };
            self.export.begin(subject, &info.name, info.resolution, format, &cx.studio.settings.export);
        }
    }

    /// Asks for the picture of where one stands, and for those of the strip.
    pub(super) fn look(&mut self, cx: &mut Cx<'_>) {
        let here = &self.desk.here;
        let Some(model) = here.model.clone().filter(|m| cx.studio.model(m).is_some()) else { return };
        let truncation = here.truncation;
        self.present.want(Wish { model, latents: vec![here.latent.clone()], truncation }, cx);
        let unseen = self.trail.unseen(12);
        // The present place gets its picture from `present`; others are asked for when that one has arrived.
        if unseen.iter().any(|s| *s != self.desk.here) && !self.present.is_busy(cx.time) && !self.past.is_busy(cx.time)
        {
            let Some(Stand { model: Some(model), truncation, .. }) = unseen.first().cloned() else { return };
            if cx.studio.model(&model).is_some() {
                let latents = unseen.into_iter().map(|s| s.latent).collect();
                self.past.want(Wish { model, latents, truncation }, cx);
            }
        }
    }
}

/// While no model is known: what comes, or what to do.
pub(super) fn waiting(ui: &mut Ui, cx: &mut Cx<'_>, opening: bool) {
    if cx.studio.models_known && !opening {
        let text = "Train one on your pictures, or import a checkpoint file";
        let button =
            theme::empty_state(ui, ICON_EXPLORE, "No model to explore yet", text, Some("Train on your pictures"));
        if button.is_some_and(|b| b.clicked()) {
            cx.go(ViewId::Data);
        }
        return;
    }
    // The shape of the sheet that comes; a model that is not found is given up after a while.
    ui.ctx().request_repaint_after(std::time::Duration::from_secs(1));
    let room = ui.available_rect_before_wrap().shrink(theme::size::M);
    let t = theme::tokens(ui);
    let columns = (room.width() / 104.0).floor().max(1.0);
    let side = (room.width() - 4.0 * (columns - 1.0)) / columns;
    for row in 0..(room.height() / (side + 4.0)).floor() as usize {
        for column in 0..columns as usize {
            let at = room.min + egui::vec2(column as f32, row as f32) * (side + 4.0);
            ui.painter().rect_filled(egui::Rect::from_min_size(at, egui::Vec2::splat(side)), 2.0, t.raised);
        }
    }
}
