//! A prior over tokens: the token model that it is trained on.

use egui::{ComboBox, Label, RichText, Ui};
use egui_material_icons::icons::ICON_MODEL_TRAINING;

use super::TrainView;
use crate::base::{Family, Problem};
use crate::engine::runs::priors;
use crate::models::info::ModelInfo;
use crate::recipe::Recipe;
use crate::recipe::architecture::VQ_VAE;
use crate::recipe::preset::for_model;
use crate::ui::theme::{self, Tone, size};
use crate::ui::views::Cx;

/// Why a prior cannot be trained yet; nothing for other models.
pub(super) fn obstacle(recipe: &Recipe) -> Option<Problem> {
    let lacks = recipe.family() == Ok(Family::Prior) && recipe.model.tokens.on.is_none();
    lacks.then(|| {
        Problem::usage("Choose the token model that the prior is trained on")
            .try_this("Train one first: the preset “Tokens (VQ-VAE)”")
    })
}

impl TrainView {
    /// Which token model a prior is trained on; nothing for other models.
    pub(super) fn token_model(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if self.recipe.family() != Ok(Family::Prior) {
            return;
        }
        theme::section(ui, "Token model");
        let models: Vec<&ModelInfo> = cx.studio.models.iter().filter(|m| m.family == Family::Tokens).collect();
        let on = self.recipe.model.tokens.on.clone();
        let chosen = models.iter().find(|m| on.as_ref().is_some_and(|on| on.hash == m.hash)).copied();
        // The newest is a good guess; it is shown, and can be changed.
        let mut wanted = if chosen.is_none() { models.first().copied() } else { None };
        if models.is_empty() {
            theme::toned(ui, Tone::Warn, "A prior draws the tokens of a token model, and there is none yet");
            if theme::button(ui, Some(ICON_MODEL_TRAINING), "Train a token model first").clicked()
                && let Some(preset) = for_model(VQ_VAE.id)
            {
                self.apply_preset(preset, cx.studio);
                self.preset_chosen = true;
            }
            return;
        }
        let text = chosen.map_or("Choose…", |m| m.name.as_str());
        let combo = ComboBox::from_id_salt("token model").selected_text(text).width(220.0).truncate();
        let combo = combo.show_ui(ui, |ui| {
            for model in &models {
                if ui.selectable_label(chosen.is_some_and(|c| c.hash == model.hash), &model.name).clicked() {
                    wanted = Some(model);
                }
            }
        });
        combo.response.accessible_name("Token model");
        let help = "The prior is trained on pictures as that model sees them, and works with it alone";
        ui.add(Label::new(RichText::new(help).size(size::SMALL).color(theme::tokens(ui).weak)).wrap());
        if let Some(model) = wanted {
            // It is a prior and a token model: nothing is refused.
            let _ = priors::train_on(&mut self.recipe, Some(model));
        }
    }
}
