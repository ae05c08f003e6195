//! The models that recipes know, one row each: all that the product says of a model without building its networks.
//!
//! The table of models above this floor has the networks of each row. Forms, presets, compatibility, estimates of time
//! and the words of the window are read from here.

mod gan;
mod row;
mod tokens;
mod vae;

pub use gan::*;
pub use row::{Architecture, Preset, Setup, Size, When};
pub use tokens::*;
pub use vae::*;

use crate::base::Family;

const TABLES: [&[Architecture]; 3] = [gan::ROWS, vae::ROWS, tokens::ROWS];

const COUNT: usize = gan::ROWS.len() + vae::ROWS.len() + tokens::ROWS.len();

/// Every model: the GANs, the VAEs, then token models and priors over tokens.
pub const ARCHITECTURES: &[Architecture; COUNT] = &{
    let mut all = [gan::ROWS[0]; COUNT];
    let (mut at, mut table) = (0, 0);
    while table < TABLES.len() {
        let mut row = 0;
        while row < TABLES[table].len() {
            all[at] = TABLES[table][row];
            (at, row) = (at + 1, row + 1);
        }
        table += 1;
    }
    all
};

/// Ids of all models, in the same order.
pub const IDS: &[&str; COUNT] = &{
    let mut ids = [""; COUNT];
    let mut i = 0;
    while i < COUNT {
        ids[i] = ARCHITECTURES[i].id;
        i += 1;
    }
    ids
};

/// The row of this id.
pub fn find(id: &str) -> Option<&'static Architecture> {
    ARCHITECTURES.iter().find(|a| a.id == id)
}

/// Family of a model id.
pub fn family_of(id: &str) -> Option<Family> {
    find(id).map(|a| a.family)
}

impl Architecture {
    /// Whether the setting at a path belongs to other models and not to this one.
    pub fn lacks(&self, key: &str) -> bool {
        !self.settings.contains(&key) && ARCHITECTURES.iter().any(|a| a.settings.contains(&key))
    }

    /// Why the setting at a path has no effect here; nothing where it has.
    pub fn why_not(&self, key: &str) -> Option<String> {
        let owners: Vec<&str> = ARCHITECTURES.iter().filter(|a| a.settings.contains(&key)).map(|a| a.title).collect();
        self.lacks(key).then(|| match owners.split_last() {
            Some((one, [])) => format!("Only {one} has this"),
            Some((last, others)) if owners.len() <= ARCHITECTURES.len() / 2 => {
                format!("Only {} and {last} have this", others.join(", "))
            }
            _ => format!("{} does not have this", self.title),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::form;

    #[test]
    fn rows_are_whole_and_told_apart() {
        for (i, row) in ARCHITECTURES.iter().enumerate() {
            assert!(ARCHITECTURES[..i].iter().all(|a| a.id != row.id && a.title != row.title), "{}", row.id);
            assert!(row.description.len() > 40 && !row.presets.is_empty(), "{}", row.id);
            assert!(row.presets.iter().all(|p| p.model == row.id), "{}", row.id);
            for key in row.settings {
                assert!(form::find(key).is_some(), "{}: {key} is no setting", row.id);
            }
        }
    }

    #[test]
    fn settings_of_other_models_say_whose_they_are() {
        assert_eq!(RES_GAN.why_not("model.mapping").unwrap(), "Only StyleGAN2 has this");
        assert!(DCGAN.why_not("model.blocks").unwrap().ends_with("does not have this"));
        assert_eq!(FSQ_VAE.why_not("model.tokens.commitment").unwrap(), "Only VQ-VAE has this");
        assert_eq!(MLP_GAN.why_not("model.narrow").unwrap(), "MLP GAN does not have this");
        assert_eq!((RES_GAN.why_not("model.blocks"), RES_GAN.why_not("optim.lr")), (None, None));
    }
}
