//! What the pages of Explore want comes true: one step of Undo for each gesture.

use egui::Ui;
use egui_material_icons::icons::ICON_EXPLORE;

use super::image_requests::ImageBatch;
use super::page::{PageActions, UseIn};
use super::tabs::place;
use super::viewpoint::{Viewpoint, misfit};
use super::{ExploreView, look_back, provenance};
use crate::base::Problem;
use crate::engine::Command;
use crate::export::{EXPORTERS, Makes};
use crate::library::records::latents::latent_key;
use crate::ui::action::Action;
use crate::ui::theme;
use crate::ui::view::{Cx, ViewId};
use crate::ui::widgets::export_dialog::Subject;

/// Seconds of typing, key presses or turns of the wheel that make one step of Undo.
const TYPING: f64 = 0.8;

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
        draw: impl FnOnce(&mut Self, &mut Ui, &mut Cx<'_>, &mut PageActions),
    ) {
        let before = self.state.clone();
        if let Some(model) = &before.here.model {
            cx.pictures_of(model);
        }
        let mut out = PageActions::default();
        draw(self, ui, cx, &mut out);
        let opened = out.open.is_some() || out.model.is_some();
        // Where a model comes with it, what that can make is looked at once it is open.
        if let (Some(latent), None, Some(info)) = (&out.open, &out.model, self.info(cx.studio))
            && let Some(why) = misfit(latent, &info)
        {
            cx.say(Problem::usage(format!("{} cannot make this picture", info.name)).because(why).info());
            out.open = None;
        }
        if let Some(latent) = out.open.take() {
            self.state.here.latent = self.state.here.classed(&latent);
            if out.whole {
                self.state.here.truncation = 1.0;
            }
            self.state.provenance = self.provenance(out.label);
            out.label.get_or_insert("open a picture");
        }
        if let Some(model) = out.model.take() {
            self.select(Some(model.clone()), cx);
            self.state.here.model = Some(model);
            self.state.here.latent = self.state.here.latent.with_class(&[]);
            out.label = Some("change model");
        }
        if let Some(info) = self.info(cx.studio) {
            self.fit(&info, cx);
        }
        if self.state.here.latent != before.here.latent && !opened {
            self.state.provenance = provenance::changed(&before.provenance);
        }
        let held = ui.input(|i| i.pointer.any_down());
        let pass = ui.ctx().cumulative_pass_nr();
        if let Some(gesture) = self.gesture.as_mut().filter(|g| g.held && !held) {
            (gesture.held, gesture.released) = (false, pass);
        }
        if self.state != before {
            let label = out.label.unwrap_or("change Explore");
            let typed = |e: &egui::Event| matches!(e, egui::Event::Key { .. } | egui::Event::Text(_));
            let turned = |i: &egui::InputState| i.smooth_scroll_delta != egui::Vec2::ZERO || i.zoom_delta() != 1.0;
            let typing = ui.input(|i| turned(i) || i.events.iter().any(typed));
            let going_on = self.gesture.as_ref().is_some_and(|g| {
                g.held || g.released == pass || g.label == label && typing && cx.time - g.time < TYPING
            });
            if !going_on {
                before.undo_point(label, cx);
            }
            let released = if held { 0 } else { self.gesture.as_ref().map_or(0, |g| g.released) };
            self.gesture = Some(Gesture { label, time: cx.time, held, released });
        }
        if !held && self.info(cx.studio).is_some() {
            self.history.visit(&self.state.here);
            // A picture that came while it was dragged is that of the new stop.
            let here = &self.state.here;
            if let Some(model) = here.model.clone() {
                let wish = ImageBatch { model, latents: vec![here.latent.clone()], truncation: here.truncation };
                if let Some(picture) = self.present.of(&wish, 0) {
                    self.history.see(here, picture);
                }
            }
        }
        self.apply(out, cx);
        self.look(cx);
    }

    pub(super) fn apply(&mut self, mut out: PageActions, cx: &mut Cx<'_>) {
        let Some(info) = self.info(cx.studio) else { return };
        if out.foreign {
            cx.say(
                Problem::usage("This picture was made by another model")
                    .try_this("Choose that model first, or drag a picture of this one")
                    .info(),
            );
        }
        if let Some(viewpoint) = out.visit {
            self.open_at(viewpoint, "open a picture", provenance::HISTORY, cx);
        }
        if let Some(latent) = out.origin.take() {
            // A point that was found of a photograph is known itself; of others, the model that makes them is.
            cx.push(Action::origin(format!("{}\n{}", latent_key(&info.hash, &latent), info.hash)));
        }
        if let Some(path) = out.photo {
            self.take_photos(&[path]);
        }
        if let Some(id) = out.page {
            self.show_page(id);
        }
        if let Some(UseIn { page, slot, latent }) = out.use_in {
            self.state.undo_point("use a picture in another page", cx);
            self.show_page(page);
            self.begin(&info);
            let latent = self.state.here.classed(&latent);
            self.pages[place(page)].take(slot, &latent, &mut self.state);
        }
        let truncation = self.state.here.truncation;
        if !out.keep.is_empty() {
            out.keep = self.state.here.all_classed(&out.keep);
            for latent in &out.keep {
                self.shared.kept.push(Viewpoint {
                    model: Some(info.model.clone()),
                    latent: latent.clone(),
                    truncation,
                });
            }
            let (model, made_by) = (info.model.clone(), "sample".to_string());
            let job = out.keep_job;
            cx.send(Command::Keep { job, model, latents: out.keep, truncation, made_by, starred: true });
        }
        if let Some(timeline) = out.film {
            let subject = Subject::Film { model: info.model.clone(), timeline: Box::new(timeline) };
            self.export.begin(
                subject,
                &info.name,
                info.resolution,
                Some(film_format(&cx.studio.settings.export.format)),
                &cx.studio.settings.export,
            );
        }
        if let Some((models, latents)) = out.export_both {
            let name = format!("{}-{}", models[0].name, models[1].name);
            let pixels = models[0].resolution.covering(models[1].resolution);
            let models = models.map(|m| m.model);
            let subject = Subject::Both { models, latents, truncation, beside: true };
            self.export.begin(subject, &name, pixels, Some("grid"), &cx.studio.settings.export);
        }
        if let Some((latents, made_by, columns, format)) = out.export {
            let latents = self.state.here.all_classed(&latents);
            let subject = Subject::Latents { model: info.model.clone(), latents, truncation, made_by, columns };
            self.export.begin(subject, &info.name, info.resolution, format, &cx.studio.settings.export);
        }
    }

    /// Asks for the present picture, and for those of the history.
    pub(super) fn look(&mut self, cx: &mut Cx<'_>) {
        let here = &self.state.here;
        let Some(model) = here.model.clone().filter(|m| cx.studio.model(m).is_some()) else { return };
        let truncation = here.truncation;
        self.present.want(ImageBatch { model, latents: vec![here.latent.clone()], truncation }, cx);
        let unseen = self.history.unseen(12, |model| cx.studio.model(model).is_some());
        // The present picture comes from `present`; others are asked for when that one has arrived.
        if unseen.iter().any(|s| *s != self.state.here) && !self.present.is_busy(cx.time) && !self.past.is_busy(cx.time)
        {
            let Some(Viewpoint { model: Some(model), truncation, .. }) = unseen.first().cloned() else { return };
            let latents = unseen.into_iter().map(|s| s.latent).collect();
            self.past.want(ImageBatch { model, latents, truncation }, cx);
            // What cannot be made is known at once.
            look_back(&mut self.history, &self.past);
        }
    }
}

/// The format that a film is proposed in: the one that was chosen last, if it is one of films.
fn film_format(last: &str) -> &str {
    if EXPORTERS.iter().any(|f| f.id == last && f.makes == Makes::Film) { last } else { "mp4" }
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
