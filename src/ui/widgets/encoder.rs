//! The encoder of a GAN beside a photo: what it is good for, training it when a person asks, and holding or ending that.

use egui::Ui;
use egui_material_icons::icons::{ICON_CLOSE, ICON_MODEL_TRAINING, ICON_PAUSE, ICON_PLAY_ARROW};

use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::latent::encoder::EncoderInfo;
use crate::models::info::{ModelInfo, ModelRef};
use crate::ui::action::Action;
use crate::ui::state::Job;
use crate::ui::theme;
use crate::ui::views::Cx;

/// Thousands of the model's own pictures that an encoder is trained on.
const KIMG: f64 = 60.0;

/// What is known of the encoder of one model, and its training.
#[derive(Default)]
pub struct EncoderPanel {
    /// The model whose encoder was asked for, and what is known of it.
    known: Option<(ModelRef, Option<EncoderInfo>)>,
    /// Training, with the model it is for.
    job: Option<(JobId, ModelRef)>,
    paused: bool,
}

impl EncoderPanel {
    /// Draws a row, and asks for what is known of the model's encoder.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo) {
        if self.known.as_ref().is_none_or(|k| k.0 != info.model) {
            self.known = Some((info.model.clone(), None));
            cx.send(Command::Latent(LatentCommand::ListEncoder { model: info.model.clone() }));
        }
        let known = self.known.as_ref().and_then(|k| k.1.clone());
        let job = self.job.as_ref().filter(|j| j.1 == info.model).map(|j| j.0);
        let on = job.filter(|j| cx.studio.jobs.get(j).is_none_or(|j| !j.ended));
        ui.horizontal_wrapped(|ui| match (known, on) {
            (Some(encoder), _) => {
                let text = format!("Its encoder alone comes to {:.1} dB on the model's own pictures", encoder.psnr);
                theme::weak(ui, text);
            }
            (None, Some(job)) => self.training(ui, cx, job),
            (None, None) => {
                theme::weak(ui, "No encoder yet: each photo is searched for from nothing");
                let button = theme::quiet_button(ui, Some(ICON_MODEL_TRAINING), "Train an encoder");
                let help = "A network that tells the latent of a picture at once, so that photos are found sooner and \
                            closer. It is trained once for this model, on pictures the model makes itself. It waits \
                            while a run trains, and can be paused or cancelled; what it learned is kept";
                if button.on_hover_text(help).clicked() {
                    let job = cx.new_job();
                    let model = info.model.clone();
                    cx.send(Command::Latent(LatentCommand::TrainEncoder { job, model, kimg: KIMG }));
                    (self.job, self.paused) = (Some((job, info.model.clone())), false);
                }
            }
        });
    }

    fn training(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, id: JobId) {
        let job = cx.studio.jobs.get(&id);
        theme::progress(ui, job.and_then(Job::share), 160.0, "Training the encoder");
        let (icon, text) = if self.paused { (ICON_PLAY_ARROW, "Continue") } else { (ICON_PAUSE, "Pause") };
        if theme::icon_button(ui, icon, &format!("{text} encoder training")).clicked() {
            self.paused = !self.paused;
            cx.send(Command::Latent(LatentCommand::PauseEncoder { job: id, paused: self.paused }));
        }
        if theme::icon_button(ui, ICON_CLOSE, "Cancel encoder training").clicked() {
            cx.push(Action::Cancel(id));
        }
        let title = job.map_or("Training the encoder", |j| j.title.as_str());
        let left = job.and_then(Job::left_text).filter(|_| !cx.still);
        let left = left.map_or_else(String::new, |left| format!(" · {left}"));
        theme::weak(ui, format!("{title}{left}"));
    }

    /// Takes news in.
    pub fn on_event(&mut self, event: &Event) {
        if let Event::Latent(LatentEvent::Encoder { model, info }) = event
            && let Some(known) = self.known.as_mut().filter(|k| k.0 == *model)
        {
            known.1.clone_from(info);
        }
    }
}
