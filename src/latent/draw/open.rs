//! A prior with the token model that it was trained on.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use rayon::prelude::*;

use super::sampler::{self, Plan, Token};
use super::{DrawRequest, Drawn};
use crate::base::paths::Paths;
use crate::base::{Family, Picture, Problem, Result};
use crate::data::prepare_picture;
use crate::data::words::{Understood, Vocabulary};
use crate::latent::catalog::{self, Source};
use crate::models::info::ModelInfo;
use crate::models::io::Weights;
use crate::models::{PriorSteps, TokenPrior, TokenVae};
use crate::train::folder::TOKENS;
use crate::train::tensors;

/// A prior opened for drawing.
pub struct Drawer {
    info: ModelInfo,
    tokens: TokenVae,
    steps: PriorSteps,
    prior: TokenPrior,
    words: Vocabulary,
    device: Device,
}

/// The token model of this hash: beside the prior in its run, or among the models of the studio.
///
/// # Errors
/// It is nowhere, or damaged.
pub fn token_model_of(info: &ModelInfo, beside: Option<&Path>, paths: &Paths) -> Result<(Weights, ModelInfo)> {
    let Some(on) = &info.recipe.model.tokens.on else {
        return Err(Problem::data("This prior does not say which token model it was trained on").of(info.name.clone()));
    };
    if let Some(file) = beside.filter(|f| f.is_file()) {
        let weights = Weights::read(file)?;
        let info = ModelInfo::of_weights(&weights).map_err(|p| p.of(file.display().to_string()))?;
        if weights.hash() == on.hash {
            return Ok((weights, info));
        }
    }
    let known = catalog::list(paths).into_iter().find(|m| m.family == Family::Tokens && m.hash == on.hash);
    let source = known.map(|m| catalog::resolve(&m.model, paths)).transpose()?;
    let source = source.or_else(|| catalog::resolve(&on.model, paths).ok());
    let found = source.map(|s| s.read()).transpose()?.filter(|(weights, _)| weights.hash() == on.hash);
    found.ok_or_else(|| {
        Problem::data("The token model that this prior was trained on is missing")
            .of(info.name.clone())
            .because(format!("it is {} ({})", on.model, on.hash.chars().take(8).collect::<String>()))
            .try_this(
                "Import that token model; another one has other tokens, and the prior would draw nonsense with it",
            )
    })
}

impl Drawer {
    /// Opens a prior by its name.
    ///
    /// # Errors
    /// There is no such model, it is no prior, its token model is missing, or the device does not start.
    pub fn open(model: &str, paths: &Paths, device: &str) -> Result<Self> {
        let source = catalog::resolve(model, paths)?;
        let (weights, info) = source.read()?;
        let info = ModelInfo { model: model.into(), ..info };
        if info.family != Family::Prior {
            let remedy = match info.family {
                Family::Tokens => "Train a prior on it: `latent-studio train --model gpt --on MODEL`",
                _ => "Make its pictures with `latent-studio sample`",
            };
            return Err(Problem::usage("This model does not draw token by token").of(info.name).try_this(remedy));
        }
        // A checkpoint's snapshot lies three folders below its run.
        let beside = match &source {
            Source::File { path, .. } => path.ancestors().nth(3).map(|run| run.join(TOKENS)),
            Source::Embedded(_) => None,
        };
        let (token_weights, token_info) = token_model_of(&info, beside.as_deref(), paths)?;
        let device = crate::nn::device::open(device)?;
        let tokens = token_weights.load(TokenVae::blank(&token_info.recipe, &device)?)?.valid();
        // Its numbers are needed in memory, wherever pictures are made.
        let prior = weights.load(TokenPrior::blank(&info.recipe, &Device::flex())?)?.valid();
        let fits = prior.dims().grid == tokens.grid() && prior.dims().codes == tokens.codes();
        if !fits || token_info.recipe.shape() != info.recipe.shape() {
            return Err(Problem::data("This prior and its token model do not fit together").of(info.name));
        }
        let words = Vocabulary::of(&info.recipe.model.tokens.words);
        Ok(Self { steps: PriorSteps::of(&prior), info, tokens, prior, words, device })
    }

    /// What lists say of the prior.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Words that it knows.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.words
    }

    /// Rows and columns of tokens.
    pub fn grid(&self) -> [usize; 2] {
        self.tokens.grid()
    }

    /// The prior itself.
    pub fn prior(&self) -> &TokenPrior {
        &self.prior
    }

    /// The token model, and the device that it lives on.
    pub fn token_model(&self) -> (&TokenVae, &Device) {
        (&self.tokens, &self.device)
    }

    /// What is known of a prompt.
    pub fn understand(&self, prompt: &str) -> Understood {
        self.words.understand(prompt)
    }

    fn plan(&self, request: &DrawRequest) -> Plan {
        let dims = self.steps.dims();
        Plan {
            front: dims.front(request.class, &self.understand(&request.prompt).known),
            unasked: dims.front(None, &[]),
            given: request.given.iter().map(|id| (*id).min(dims.codes as u32 - 1)).collect(),
            seed: request.seed,
            choosing: request.choosing,
            retrieved: request.retrieved.clone(),
        }
    }

    /// Draws a picture, telling each token with its place as it is drawn; ends early when `each` returns false, and the
    /// places that are left have the first token.
    ///
    /// # Errors
    /// Tokens cannot be chosen so.
    pub fn draw(&self, request: &DrawRequest, each: &mut dyn FnMut(usize, &Token) -> bool) -> Result<Drawn> {
        request.choosing.check()?;
        let tokens = sampler::draw(&self.steps, &self.plan(request), each);
        let ids: Vec<u32> = tokens.iter().map(|t| t.id).collect();
        Ok(Drawn { picture: self.picture(&ids), tokens })
    }

    /// Draws several pictures, on all cores. Each is the same as alone.
    ///
    /// # Errors
    /// Tokens cannot be chosen so.
    pub fn draw_all(&self, requests: &[DrawRequest]) -> Result<Vec<Drawn>> {
        requests.iter().try_for_each(|r| r.choosing.check())?;
        let all = |r: &DrawRequest| sampler::draw(&self.steps, &self.plan(r), &mut |_, _| true);
        let tokens: Vec<Vec<Token>> = requests.par_iter().map(all).collect();
        let picture = |tokens: &[Token]| self.picture(&tokens.iter().map(|t| t.id).collect::<Vec<_>>());
        Ok(tokens.into_iter().map(|tokens| Drawn { picture: picture(&tokens), tokens }).collect())
    }

    /// The picture of tokens; places that are missing have the first one.
    pub fn picture(&self, ids: &[u32]) -> Picture {
        let mut ids = ids.to_vec();
        ids.resize(self.steps.dims().tokens(), 0);
        let x = crate::nn::on_pool(&self.device, || self.tokens.pictures(&ids, &self.device));
        tensors::to_pictures(x, self.info.recipe.shape()).pop().expect("a picture for its tokens")
    }

    /// The tokens of a picture, prepared as the training pictures were.
    pub fn tokens_of(&self, picture: &Picture) -> Vec<u32> {
        let shape = self.info.recipe.shape();
        let bytes = prepare_picture(picture, &self.info.recipe.data).to_interleaved(shape.channels);
        crate::nn::on_pool(&self.device, || self.tokens.tokens(tensors::pictures(&bytes, 1, shape, &self.device)))
    }
}
