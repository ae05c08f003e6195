//! What is done with models of tokens in place of exploring: a token model gets a prior, a prior draws.

use egui_material_icons::icons::{ICON_BRUSH, ICON_EXPLORE, ICON_MODEL_TRAINING};

use super::{Cx, ViewId};
use crate::base::Family;
use crate::engine::Command;
use crate::engine::runs::priors;
use crate::models::info::ModelInfo;
use crate::recipe::architecture::GPT;
use crate::recipe::preset::{Facts, for_model};
use crate::ui::action::{Action, ViewMessage};
use crate::ui::theme::Icon;

/// Icon, words and help of the button that does the usual with a model.
pub(super) fn main_button(info: &ModelInfo) -> (Icon, &'static str, &'static str) {
    match info.family {
        Family::Gan | Family::Vae => (ICON_EXPLORE, "Explore", "Its latent space"),
        Family::Tokens => (
            ICON_MODEL_TRAINING,
            "Train a prior",
            "Starts a GPT on its tokens with the same pictures: it draws from words where they have captions",
        ),
        Family::Prior => (ICON_BRUSH, "Draw", "Pictures token by token"),
    }
}

/// Does the usual with a model of tokens; false for others.
pub(super) fn act(info: &ModelInfo, cx: &mut Cx<'_>) -> bool {
    match info.family {
        Family::Gan | Family::Vae => return false,
        Family::Prior => {
            let model = info.model.clone();
            let message = ViewMessage::Explore { model, latent: None, truncation: 1.0, from: None };
            cx.push(Action::Deliver(ViewId::Draw, Box::new(message)));
        }
        Family::Tokens => {
            let preset = for_model(GPT.id).expect("every model has a preset");
            let pictures = cx.studio.datasets.iter().find(|d| d.source == info.recipe.data.source);
            let facts = Facts { pictures: pictures.map_or(0, |d| d.pictures), resolution: info.resolution };
            let mut recipe = preset.recipe(facts);
            recipe.data = info.recipe.data.clone();
            recipe.name = format!("{} prior", info.name);
            match priors::train_on(&mut recipe, Some(info)) {
                Ok(()) => {
                    let device = cx.studio.device().map_or_else(|| "cpu".into(), |d| d.id.clone());
                    cx.send(Command::StartRun { recipe: Box::new(recipe), from: None, device });
                    cx.go(ViewId::Train);
                }
                Err(problem) => cx.say(problem),
            }
        }
    }
    true
}
