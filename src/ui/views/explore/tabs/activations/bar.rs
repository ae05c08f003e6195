//! Which layer is looked at, in which order its channels are shown, and what is measured of them.

use egui::{ComboBox, Ui};
use egui_material_icons::icons::{ICON_GRAIN, ICON_SPEED};

use crate::engine::{Command, LatentCommand};
use crate::latent::latent_math::Dims;
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::theme;
use crate::ui::view::Cx;
use crate::ui::views::explore::job_progress::{self, Doing};
use crate::ui::views::explore::page::PageActions;
use crate::ui::views::explore::tabs::activations::{Activations, Ask};
use crate::ui::views::explore::tabs::inside_state::{ChannelOrder, InsideState};

impl Activations {
    /// How channels are shown, and what is measured of them.
    pub(super) fn channels(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        own: &mut InsideState,
        (latent, truncation, tap): (&Latent, f32, u32),
        out: &mut PageActions,
    ) {
        let orders =
            [(ChannelOrder::Number, "Number"), (ChannelOrder::Strength, "Strength"), (ChannelOrder::Effect, "Effect")];
        if theme::segmented(ui, "Order", &mut own.order, &orders) {
            out.label = Some("order channels");
        }
        if Dims::of(info).layers > 0 {
            let mut noise = !own.without_noise;
            if theme::icon_toggle(ui, ICON_GRAIN, "Noise", &mut noise).clicked() {
                own.without_noise = !noise;
                out.label = Some("switch the noise");
            }
        }
        self.measure(ui, cx, info, (latent, truncation), tap);
    }

    fn measure(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, of: (&Latent, f32), tap: u32) {
        let job = self.job.as_ref().map(|j| j.0);
        if job_progress::shown(ui, cx, job, 120.0, "Measuring effects", "Cancel") != Doing::Nothing {
            return;
        }
        let help = "Switches off one channel of this layer after the other, and measures how much the picture changes";
        if theme::button(ui, Some(ICON_SPEED), "Measure effects").on_hover_text(help).clicked() {
            let job = cx.new_job();
            let (model, latent, truncation) = (info.model.clone(), of.0.clone(), of.1);
            self.job = Some((job, info.hash.clone(), latent.clone()));
            cx.send(Command::Latent(LatentCommand::ChannelEffects { job, model, latent, truncation, tap }));
        }
    }

    /// The effects of a layer's channels, and whether they are of the present picture.
    pub(super) fn effects(&self, ask: &Ask, tap: u32) -> Option<(&[f32], bool)> {
        let known = self.effects.as_ref()?;
        let same = known.model == ask.model && known.hash == ask.hash && known.tap == tap;
        same.then_some((&known.each[..], known.latent == ask.latent))
    }
}

/// The choice of a layer. True when it changed.
pub(super) fn layers(ui: &mut Ui, own: &mut u32, tap: u32, taps: &[[u32; 3]]) -> bool {
    let name = |i: usize| {
        let [channels, rows, columns] = taps[i];
        format!("Layer {} · {columns} × {rows}, {channels} channels", i + 1)
    };
    let title = if taps.is_empty() { "Layer 1".into() } else { name(tap as usize) };
    let before = *own;
    let combo = ComboBox::from_id_salt("layer").selected_text(title).width(190.0).show_ui(ui, |ui| {
        for i in 0..taps.len() {
            ui.selectable_value(own, i as u32, name(i));
        }
    });
    combo.response.accessible_name("Layer");
    *own != before
}
