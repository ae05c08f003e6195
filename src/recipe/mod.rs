//! The language of the product: what a run is, as plain serde values.
//!
//! A run **is** its [`Recipe`] plus the log of live [`Edit`]s by step. Same recipe, same seed, same CPU: same run.
//! The recipe is stored in the library, beside every checkpoint and inside every exported picture.

pub mod advice;
pub mod architecture;
pub mod bounds;
pub mod compatibility;
pub mod data;
pub mod disk_space;
mod field;
pub mod flops;
pub mod form;
pub mod json_path;
pub mod marks;
mod model;
mod objective;
mod optim;
pub mod picture;
pub mod preset;
mod run;
pub mod schedule;
pub mod tokens;
pub mod vae;

use serde::{Deserialize, Serialize};

use crate::base::{Family, Problem, Result, Shape};
pub use architecture::Architecture;
pub use data::{COLUMN_ROLES, Classes, DataRecipe, Fit, Pixels, Reading, Sideways};
pub use model::ModelRecipe;
pub use objective::{Adversarial, AugmentControl, Likelihood, ObjectiveRecipe};
pub use optim::OptimRecipe;
pub use run::RunRecipe;
pub use schedule::{Curve, Schedule};
pub use tokens::TokensRecipe;
pub use vae::{FeatureSpace, VaeRecipe};

/// Version of the recipe format; older ones are migrated by [`Recipe::from_json`].
pub const FORMAT: u32 = 1;

/// Everything that makes a run what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// Version of this format.
    pub format: u32,
    /// What a person calls the run.
    pub name: String,
    /// Seed of every random stream.
    pub seed: u64,
    /// Pictures.
    pub data: DataRecipe,
    /// Networks.
    pub model: ModelRecipe,
    /// Loss and penalties.
    pub objective: ObjectiveRecipe,
    /// Optimiser and averages.
    pub optim: OptimRecipe,
    /// How long, how often to look and to save.
    pub run: RunRecipe,
    /// The model this run started from, for fine-tuning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
}

/// The model a run started from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parent {
    /// Its name or path, as given.
    pub model: String,
    /// Hash of its weights.
    pub hash: String,
}

/// A change made while a run was on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// The first step it holds for.
    pub step: u64,
    /// Pictures seen by then.
    pub images: u64,
    /// Path of the setting, such as `optim.lr`.
    pub key: String,
    /// Its new value.
    pub value: serde_json::Value,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            format: FORMAT,
            name: String::new(),
            seed: 1,
            data: DataRecipe::default(),
            model: ModelRecipe::default(),
            objective: ObjectiveRecipe::default(),
            optim: OptimRecipe::default(),
            run: RunRecipe::default(),
            parent: None,
        }
    }
}

impl Recipe {
    /// Shape of the pictures.
    pub fn shape(&self) -> Shape {
        Shape { resolution: self.data.resolution, channels: self.data.channels }
    }

    /// Whether the fixed network that has seen photographs takes part in training it.
    pub fn looks_through_photos(&self) -> bool {
        let (row, vae) = (self.architecture(), &self.objective.vae);
        let perceptual = vae.perceptual > 0.0 && vae.perceptual_features == FeatureSpace::Photo;
        row.is_ok_and(|row| row.looks_through_features || row.family == Family::Vae && perceptual)
    }

    /// The row of its model.
    ///
    /// # Errors
    /// The id is not in the table of models.
    pub fn architecture(&self) -> Result<&'static Architecture> {
        architecture::find(&self.model.id).ok_or_else(|| {
            Problem::usage("There is no model of this name")
                .of(format!("model.id = {}", self.model.id))
                .try_this(format!("Choose one of: {}", architecture::IDS.join(", ")))
        })
    }

    /// Family of the model, by its id.
    ///
    /// # Errors
    /// The id is not in the table of models.
    pub fn family(&self) -> Result<Family> {
        Ok(self.architecture()?.family)
    }

    /// Reads a recipe, migrating older formats.
    ///
    /// # Errors
    /// The text is no recipe, has an unknown field, or comes from a newer studio.
    pub fn from_json(text: &str) -> Result<Self> {
        let bad = |e: serde_json::Error| {
            Problem::usage("This is not a recipe")
                .because(e)
                .try_this("`latent-studio recipe schema` lists every setting")
        };
        let value: serde_json::Value = serde_json::from_str(text).map_err(bad)?;
        let format = value.get("format").and_then(serde_json::Value::as_u64).unwrap_or(u64::from(FORMAT));
        if format > u64::from(FORMAT) {
            return Err(Problem::usage("This recipe was made by a newer Latent Studio")
                .of(format!("format = {format}"))
                .try_this("Update Latent Studio"));
        }
        let mut recipe: Self = serde_json::from_value(value).map_err(bad)?;
        recipe.format = FORMAT;
        Ok(recipe)
    }

    /// The recipe with what its data decide: see [`DataRecipe::settled`].
    #[must_use]
    pub fn settled(&self) -> Self {
        Self { data: self.data.settled(), ..self.clone() }
    }

    /// The recipe as indented JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a recipe is plain values")
    }

    /// Checks every setting against its range in [`form::FIELDS`], and those that depend on each other.
    ///
    /// # Errors
    /// The first setting that is out of bounds, with what it may be.
    pub fn validate(&self) -> Result<()> {
        self.family()?;
        let settled = self.settled();
        form::check(&settled)?;
        bounds::check(&settled)?;
        if !settled.shape().is_allowed() {
            return Err(self.data.refused("This resolution cannot be trained"));
        }
        for column in &self.data.columns {
            let role = column.rsplit_once('=').map(|(_, role)| role.trim().to_ascii_lowercase());
            if !role.is_some_and(|role| COLUMN_ROLES.contains(&role.as_str())) {
                return Err(Problem::usage("A column is given as name=role")
                    .of(format!("data.columns = {column}"))
                    .try_this(format!("Choose a role out of {}", COLUMN_ROLES.join(", "))));
            }
        }
        compatibility::check(&settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_survives_json_and_fills_what_is_missing() {
        let r = Recipe { name: "x".into(), ..Recipe::default() };
        assert_eq!(Recipe::from_json(&r.to_json()).unwrap(), r);
        let sparse = Recipe::from_json(r#"{"model":{"id":"dcgan"}}"#).unwrap();
        assert_eq!(sparse.model.latent, 64);
        assert!(Recipe::from_json(r#"{"modell":{}}"#).is_err());
        assert!(Recipe::from_json(r#"{"format":99}"#).unwrap_err().what.contains("newer"));
    }

    #[test]
    fn recipes_older_than_a_choice_keep_what_they_meant() {
        let old = Recipe::from_json(r#"{"data":{"source":"/pictures"}}"#).unwrap();
        assert_eq!((old.data.classes, old.data.sideways), (Classes::Folders, Sideways::Keep));
        assert!(old.data.reading().is_before() && !Reading::default().is_before());
        assert_eq!((old.data.pixels, old.data.depth, old.data.drop_blank), (Pixels::Stored, 0, false));
        let new = Recipe::from_json(&Recipe::default().to_json()).unwrap();
        assert_eq!(new.data.reading(), Reading::default());
        assert_eq!((Reading::default().classes, Reading::default().sideways), (Classes::Auto, Sideways::Auto));
        assert_eq!(Reading::default().pixels, Pixels::Seen);
    }

    #[test]
    fn validation_names_the_setting() {
        let mut r = Recipe::default();
        r.validate().unwrap();
        r.data.resolution = 30.into();
        assert!(r.validate().unwrap_err().subject.unwrap().contains("data.resolution"));
        r.data.resolution = 28.into();
        r.model.id = "dcgan".into();
        assert!(r.validate().unwrap_err().what.contains("batch norm"));
        r.model.id = "nope".into();
        assert!(r.validate().unwrap_err().remedy.unwrap().contains("res-gan"));
    }
}
