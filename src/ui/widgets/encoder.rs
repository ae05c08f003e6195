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

#[cfg(test)]
mod tests {
    use egui::accesskit::Role;
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;

    use super::*;
    use crate::engine::fake;
    use crate::ui::state::Studio;
    use crate::ui::textures::Textures;
    use crate::ui::views::{Ids, ViewId};

    #[derive(Default)]
    struct Bench {
        panel: EncoderPanel,
        studio: Studio,
        textures: Textures,
        ids: Ids,
        actions: Vec<Action>,
    }

    fn harness() -> Harness<'static, Bench> {
        let info = fake::models().into_iter().find(|m| m.name == "nouns").unwrap();
        let draw = move |ui: &mut Ui, bench: &mut Bench| {
            let mut cx = Cx {
                studio: &bench.studio,
                actions: &mut bench.actions,
                textures: &mut bench.textures,
                ids: &mut bench.ids,
                active: ViewId::Explore,
                keys_free: true,
                time: 0.0,
                still: true,
            };
            bench.panel.show(ui, &mut cx, &info);
        };
        let setup = |ctx: &egui::Context| {
            theme::install_fonts(ctx);
            theme::apply(ctx, theme::Mode::Dark, true);
        };
        let mut harness = Harness::builder().with_context_setup(setup).build_ui_state(draw, Bench::default());
        harness.run();
        harness
    }

    fn sent(bench: &mut Bench) -> Vec<LatentCommand> {
        let latent = |action| match action {
            Action::Engine(command) => match *command {
                Command::Latent(command) => Some(command),
                _ => None,
            },
            _ => None,
        };
        std::mem::take(&mut bench.actions).into_iter().filter_map(latent).collect()
    }

    #[test]
    fn an_encoder_is_trained_only_when_asked_and_can_be_held() {
        let mut harness = harness();
        let first = sent(harness.state_mut());
        assert!(matches!(first.as_slice(), [LatentCommand::ListEncoder { .. }]), "{first:?}");
        harness.get_by_role_and_label(Role::Button, "Train an encoder").click();
        harness.run();
        let asked = sent(harness.state_mut());
        let [LatentCommand::TrainEncoder { job, .. }] = asked.as_slice() else { panic!("{asked:?}") };
        let job = *job;
        // The engine says what it waits for.
        let title = "Encoder training waits until the run ends".to_string();
        harness.state_mut().studio.apply(&Event::Job { job, title: title.clone(), done: 0, total: 60_000 });
        harness.run();
        assert!(harness.query_by_label(&title).is_some());
        harness.get_by_role_and_label(Role::Button, "Pause encoder training").click();
        harness.run();
        assert_eq!(sent(harness.state_mut()), [LatentCommand::PauseEncoder { job, paused: true }]);
        harness.get_by_role_and_label(Role::Button, "Continue encoder training").click();
        harness.run();
        assert_eq!(sent(harness.state_mut()), [LatentCommand::PauseEncoder { job, paused: false }]);
        harness.get_by_role_and_label(Role::Button, "Cancel encoder training").click();
        harness.run();
        assert!(harness.state().actions.iter().any(|a| matches!(a, Action::Cancel(j) if *j == job)));
        harness.state_mut().studio.apply(&Event::JobEnded { job, problem: None });
        harness.run();
        assert!(harness.query_by_role_and_label(Role::Button, "Train an encoder").is_some());
    }
}
