//! What a prior over tokens is trained on besides pictures: its token model, and the words of captions.

use std::sync::Arc;

use burn::tensor::Device;

use super::folder::{RunFolder, TOKENS};
use crate::base::{Family, Problem, Progress, Result};
use crate::data::Prepared;
use crate::data::words::{Vocabulary, captions};
use crate::models::TokenVae;
use crate::models::info::ModelInfo;
use crate::models::io::Weights;
use crate::recipe::tokens::MOST_WORDS;
use crate::recipe::{ModelRecipe, Recipe};

/// A token model, and the words of each picture.
#[derive(Clone, Debug)]
pub struct PriorData {
    weights: Weights,
    recipe: Recipe,
    /// Numbers of the words of each picture's caption, by place in the prepared set.
    words: Vec<Vec<u32>>,
    /// Places of held-out pictures, in their order.
    heldout: Vec<u32>,
}

impl PriorData {
    /// The token model of a run and the words of its pictures; nothing for models that are no priors. The recipe is told the
    /// tokens and the words: those that the run learned already, if it did.
    ///
    /// # Errors
    /// The token model is not there, is another one, or is for other pictures; or the captions cannot be read.
    pub fn of(
        recipe: &mut Recipe,
        folder: &RunFolder,
        prepared: &Prepared,
        learned: Option<&ModelRecipe>,
        progress: &dyn Progress,
    ) -> Result<Option<Arc<Self>>> {
        if recipe.family()? != Family::Prior {
            return Ok(None);
        }
        let file = folder.dir().join(TOKENS);
        let named = recipe.model.tokens.on.as_ref().map_or("none", |on| on.model.as_str()).to_string();
        if !file.is_file() {
            return Err(Problem::data("The token model of this prior is missing")
                .of(file.display().to_string())
                .because(format!("it is named {named}"))
                .try_this("Name the token model that it is to be trained on: --on MODEL"));
        }
        let weights = Weights::read(&file)?;
        let info = ModelInfo::of_weights(&weights).map_err(|p| p.of(file.display().to_string()))?;
        let hash = weights.hash();
        if recipe.model.tokens.on.as_ref().is_none_or(|on| on.hash != hash) {
            return Err(Problem::data("This is another token model than the prior is trained on")
                .of(file.display().to_string())
                .because(format!("the prior names {named}"))
                .try_this("Put that model back: with other tokens all that was learned means nothing"));
        }
        let shape = info.recipe.shape();
        if shape != prepared.shape() {
            return Err(Problem::data("The token model is for pictures of another shape")
                .of(named)
                .because(format!("{} pixels, {:?}", shape.resolution.both(), shape.channels))
                .try_this(format!("Set data.resolution={} and data.channels to those", shape.resolution)));
        }
        let net = TokenVae::blank(&info.recipe, &Device::flex())?;
        recipe.model.tokens.layout = net.grid().map(|n| n as u32);
        recipe.model.tokens.codes = net.codes() as u32;
        let words = if recipe.model.tokens.captions { words(recipe, prepared, learned, progress)? } else { Vec::new() };
        let heldout = prepared.heldout().to_vec();
        Ok(Some(Arc::new(Self { weights, recipe: info.recipe, words, heldout })))
    }

    /// The token model on a device.
    ///
    /// # Errors
    /// Its weights do not fit its recipe.
    pub fn token_model(&self, device: &Device) -> Result<TokenVae> {
        use burn::module::Module;
        Ok(self.weights.load(TokenVae::blank(&self.recipe, device)?)?.valid())
    }

    /// Words of the picture at a place in the prepared set.
    pub fn words_at(&self, place: u32) -> &[u32] {
        self.words.get(place as usize).map_or(&[], Vec::as_slice)
    }

    /// Words of held-out picture `i`.
    pub fn words_of_heldout(&self, i: usize) -> &[u32] {
        self.heldout.get(i).map_or(&[], |place| self.words_at(*place))
    }
}

/// Numbers of the words of each caption; the recipe learns which words there are.
fn words(
    recipe: &mut Recipe,
    prepared: &Prepared,
    learned: Option<&ModelRecipe>,
    progress: &dyn Progress,
) -> Result<Vec<Vec<u32>>> {
    progress.report("Reading captions", 0, 0);
    let captions = captions(&recipe.data, prepared, progress)?;
    let vocabulary = match learned {
        Some(learned) => {
            recipe.model.tokens.caption_words = learned.tokens.caption_words;
            Vocabulary::of(&learned.tokens.words)
        }
        // Words of held-out pictures alone would be known and never learned.
        None => {
            let train = prepared.train().iter().filter_map(|i| captions[*i as usize].as_deref());
            Vocabulary::learned(train, MOST_WORDS)
        }
    };
    recipe.model.tokens.words = vocabulary.words().to_vec();
    let longest = captions.iter().flatten().map(|c| crate::data::words::split(c).len()).max().unwrap_or(0);
    if learned.is_none() {
        // Places that no caption fills would only take time.
        let most = recipe.model.tokens.caption_words.min(longest.max(1) as u32);
        recipe.model.tokens.caption_words = most;
    }
    let most = recipe.model.tokens.caption_words as usize;
    let numbers = |caption: &Option<String>| {
        caption.as_deref().map(|c| vocabulary.understand(c).known.into_iter().take(most).collect()).unwrap_or_default()
    };
    Ok(captions.iter().map(numbers).collect())
}
