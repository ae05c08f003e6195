//! Latents as arguments: a seed, a picture with its recipe, a file with a latent, or a latent as JSON. And the one way in
//! which every command hands them to a model: [`Maker`].

use std::path::Path;

use crate::base::vault;
use crate::base::{Problem, Result};
use crate::export::read_recipe;
use crate::latent::latent_math::Dims;
use crate::latent::model::LoadedModel;
use crate::recipe::picture::Latent;

/// What `text` says: `42`, `picture.png`, `latent.json`, `{"kind":"seed","seed":42}`.
///
/// # Errors
/// It is none of them.
pub fn latent(text: &str) -> Result<Latent> {
    let text = text.trim();
    if let Ok(seed) = text.parse() {
        return Ok(Latent::Seed { seed });
    }
    let bad = |e: serde_json::Error| Problem::usage("This is not a latent").of(text).because(e);
    if text.starts_with('{') {
        return serde_json::from_str(text).map_err(bad);
    }
    let path = Path::new(text);
    if path.extension().is_some_and(|x| x == "json") {
        let json = vault::read(path).map_err(|e| Problem::io("This latent could not be read", path, &e))?;
        return serde_json::from_slice(&json).map_err(bad);
    }
    if path.is_file() {
        let recipe = read_recipe(path)?.ok_or_else(|| {
            Problem::data("This picture has no recipe inside, so its latent is not known")
                .of(text)
                .try_this("Find a latent for it with `latent-studio invert`")
        })?;
        return Ok(recipe.latent);
    }
    Err(Problem::usage("This is not a latent").of(text).try_this("Give a seed, or a picture that the studio made"))
}

/// Several.
///
/// # Errors
/// One of them is none.
pub fn latents(texts: &[String]) -> Result<Vec<Latent>> {
    texts.iter().map(|t| latent(t)).collect()
}

/// Latents as a model takes them: held against it, and of the class that was asked for. A seed without a class belongs to
/// one by chance, always the same, as it does in the window.
pub struct Maker {
    dims: Dims,
    class: Option<u32>,
}

impl Maker {
    /// For a model, and a class of it by name or number.
    ///
    /// # Errors
    /// The model has no such class.
    pub fn of(model: &LoadedModel, class: Option<&str>) -> Result<Self> {
        let class = class.map(|text| model.class_named(text)).transpose()?;
        Ok(Self { dims: model.dims(), class })
    }

    /// The latent that the model is given.
    ///
    /// # Errors
    /// It belongs to another model.
    pub fn latent(&self, latent: &Latent) -> Result<Latent> {
        let latent = match self.class {
            Some(class) => latent.with_class(&[(class, 1.0)]),
            None => latent.clone(),
        };
        self.dims.check(&latent)?;
        Ok(latent)
    }

    /// As [`Self::latent`], of several.
    ///
    /// # Errors
    /// One belongs to another model.
    pub fn all(&self, latents: &[Latent]) -> Result<Vec<Latent>> {
        latents.iter().map(|l| self.latent(l)).collect()
    }
}

/// `a-b` or `a..b` as the first and the one past the last; `a` alone is one.
///
/// # Errors
/// It is no range.
pub fn range(text: &str) -> Result<[u32; 2]> {
    let bad = || Problem::usage("A range of layers is first-last, such as 0-3").of(text);
    let parts: Vec<u32> = text.split(['-', '–']).map(|p| p.trim().parse().map_err(|_| bad())).collect::<Result<_>>()?;
    match parts[..] {
        [one] => Ok([one, one + 1]),
        [first, last] if first <= last => Ok([first, last + 1]),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latents_and_ranges_are_read() {
        assert_eq!(latent("42").unwrap(), Latent::Seed { seed: 42 });
        let point = Latent::Point { values: vec![1.0, 2.0] };
        assert_eq!(latent(&serde_json::to_string(&point).unwrap()).unwrap(), point);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.json");
        std::fs::write(&file, serde_json::to_vec(&point).unwrap()).unwrap();
        assert_eq!(latent(file.to_str().unwrap()).unwrap(), point);
        assert!(latent("nowhere").is_err() && latent("{}").is_err());
        assert_eq!((range("0-3").unwrap(), range("2").unwrap()), ([0, 4], [2, 3]));
        assert!(range("3-1").is_err() && range("x").is_err());
    }
}
