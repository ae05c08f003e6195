//! What goes on inside the network.
//!
//! - [`features`]: maps of any layer, channels switched off, noise left out.
//! - [`codes`]: how a VAE uses its latents. [`anomaly`]: where a picture does not come back from it.

mod anomaly;
mod codes;
mod features;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use egui::Ui;
use serde::{Deserialize, Serialize};

use super::desk::Desk;
use super::{Cx, Out};
use crate::base::Family;
use crate::engine::Event;
use crate::latent::activations::Channel;
use crate::models::info::{ModelInfo, ModelRef};
use crate::ui::theme;

/// Purpose of the dialog that chooses pictures to measure codes on.
pub const PURPOSE: &str = "code pictures";
/// Channels that may be switched off at once.
const MOST_OFF: usize = 4096;
/// Pictures that are kept in mind.
const MOST_PICTURES: usize = 1000;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Page {
    /// Feature maps.
    #[default]
    Features,
    /// The use of codes (VAE).
    Codes,
    /// Faults of a picture (VAE).
    Anomaly,
}

/// In which order channels are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// As they are numbered.
    #[default]
    Number,
    /// The loudest first.
    Strength,
    /// What changes the picture most first.
    Effect,
}

/// What is laid out on the page.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InsideDesk {
    /// What is looked at.
    pub page: Page,
    /// Which layer: 0 is next to the latent.
    pub tap: u32,
    /// Channels that are switched off, in any layer.
    pub off: Vec<Channel>,
    /// The model whose channels these are.
    pub off_of: ModelRef,
    /// Whether noise is left out.
    pub without_noise: bool,
    /// Order of the channels.
    pub order: Order,
    /// Pictures that codes are measured on; empty: those of the model's recipe.
    pub data: String,
    /// The picture whose faults are looked at.
    pub picture: Option<PathBuf>,
    /// All pictures that were chosen for that.
    pub pictures: Vec<PathBuf>,
}

impl InsideDesk {
    /// Puts what a hand-edited file may hold back into its range.
    pub fn mend(&mut self) {
        self.off.truncate(MOST_OFF);
        self.pictures.truncate(MOST_PICTURES);
    }

    /// Looks at the faults of pictures, the first of them first.
    fn look_at(&mut self, paths: Vec<PathBuf>) {
        self.picture = paths.first().cloned();
        self.pictures = paths;
    }

    /// Channels of a model that are switched off.
    fn off(&self, model: &str) -> &[Channel] {
        if self.off_of == model { &self.off } else { &[] }
    }

    /// Switches a channel off, or on again; the word for it.
    fn switch(&mut self, model: &str, channel: Channel) -> &'static str {
        if self.off_of != model {
            self.off.clear();
            self.off_of = model.into();
        }
        if self.off.contains(&channel) {
            self.off.retain(|o| *o != channel);
            return "switch a channel on";
        }
        self.off.push(channel);
        "switch a channel off"
    }
}

/// The tab's own state.
#[derive(Default)]
pub struct InsideTab {
    features: features::Features,
    codes: codes::Codes,
    anomaly: anomaly::AnomalyPage,
    /// Pictures chosen in a dialog, to measure codes on.
    folder: Option<PathBuf>,
    /// Pictures that were dropped or chosen.
    dropped: Option<Vec<PathBuf>>,
}

impl InsideTab {
    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, desk: &mut Desk, out: &mut Out) {
        if let Some(paths) = self.dropped.take() {
            desk.inside.look_at(paths);
            desk.inside.page = Page::Anomaly;
            out.label = Some("look at a picture's faults");
        }
        if let Some(folder) = self.folder.take() {
            desk.inside.data = folder.display().to_string();
            out.label = Some("choose pictures to measure on");
        }
        let vae = info.family == Family::Vae;
        let mut page = if vae { desk.inside.page } else { Page::Features };
        let pages = |ui: &mut Ui, out: &mut Out| {
            let all = [(Page::Features, "Features"), (Page::Codes, "Codes"), (Page::Anomaly, "Anomalies")];
            if vae && theme::segmented(ui, "Inside", &mut page, &all) {
                out.label = Some("look at something else inside");
            }
            page
        };
        let shown = match if vae { desk.inside.page } else { Page::Features } {
            Page::Features => self.features.show(ui, cx, info, desk, out, pages),
            Page::Codes => self.codes.show(ui, cx, info, desk, out, pages),
            Page::Anomaly => self.anomaly.show(ui, cx, info, desk, out, pages),
        };
        if vae {
            desk.inside.page = shown;
        }
    }

    /// Takes what comes from the engine.
    pub fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        self.features.on_event(event, cx);
        self.codes.on_event(event);
        self.anomaly.on_event(event);
    }

    /// Takes the answer of a dialog of this page.
    pub fn picked(&mut self, purpose: &str, paths: &[PathBuf]) -> bool {
        if purpose != PURPOSE {
            return false;
        }
        self.folder = paths.first().cloned();
        true
    }

    /// Takes picture files that were dropped or chosen: where do they not come back? False for what is none.
    pub fn dropped(&mut self, paths: &[PathBuf], info: &ModelInfo) -> bool {
        let pictures = paths.iter().filter(|p| image::ImageFormat::from_path(p).is_ok());
        let pictures: Vec<PathBuf> = pictures.take(MOST_PICTURES).cloned().collect();
        if info.family != Family::Vae || pictures.is_empty() {
            return false;
        }
        self.dropped = Some(pictures);
        true
    }

    /// The model has other weights now.
    pub fn expire(&mut self) {
        self.features.expire();
        self.anomaly.expire();
    }
}
