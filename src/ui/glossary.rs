//! The words of the field in plain sentences: what tooltips and the list under Learn say. One row a term.

use crate::base::Family;

/// A term.
#[derive(Debug)]
pub struct Entry {
    /// As it is written.
    pub term: &'static str,
    /// Other ways it is written.
    pub also: &'static [&'static str],
    /// What it means, for somebody who never heard it.
    pub says: &'static str,
    /// Where it appears.
    pub at: &'static str,
}

const fn term(term: &'static str, also: &'static [&'static str], says: &'static str, at: &'static str) -> Entry {
    Entry { term, also, says, at }
}

/// Every term, in the order of the alphabet.
pub static GLOSSARY: &[Entry] = &[
    term(
        "Active units",
        &[],
        "Numbers of a VAE's latent that say anything about a picture; the others are always the same noise",
        "Train, curves of a VAE",
    ),
    term(
        "Augmentation",
        &[],
        "Pictures are shifted, recoloured or partly covered at random, so that a small set looks larger and is not \
         learned by heart",
        "Train, recipe",
    ),
    term(
        "Batch",
        &[],
        "Pictures that are looked at together in one step; more make steps slower and steadier",
        "Train, recipe",
    ),
    term(
        "Bits per dimension",
        &[],
        "How many bits a model needs for each number of a picture; lower is better, and comparable between papers",
        "Scores of a VAE",
    ),
    term(
        "Change since the last preview",
        &[],
        "How much samples from the same latents changed between two previews, beside how different your pictures are; near 0 nothing is learned any more",
        "Train, curves",
    ),
    term(
        "Checkpoint",
        &["Checkpoints"],
        "Everything a run has learned, saved so that it can continue from there and be explored",
        "Train, Models",
    ),
    term(
        "Class",
        &["Classes"],
        "A kind of picture that has a name, such as a folder; a conditional model makes pictures of the class you ask for",
        "Data, Explore",
    ),
    term(
        "Clipped colours",
        &["Clipped colours of samples", "Clipped colours of the data"],
        "Share of colours that are as dark, as bright or as saturated as can be; far more than in your pictures is a fault",
        "Train, curves",
    ),
    term(
        "Codes in use",
        &[],
        "Different tokens that a token model takes for its pictures; the more, the more a token says",
        "Train, curves of a token model",
    ),
    term(
        "Completeness",
        &[],
        "Whether each property of the pictures, such as size, is held by one number of the latent; 1 is perfect",
        "Scores of a VAE",
    ),
    term(
        "Coverage",
        &[],
        "Share of the training pictures that have a sample close by; low means that kinds of pictures are missing",
        "Scores, curves",
    ),
    term(
        "Critic",
        &["Critic's verdict", "Discriminator", "Real", "Generated"],
        "The half of a GAN that tells real pictures from generated ones; the other half learns to deceive it",
        "Train, curves of a GAN",
    ),
    term(
        "dB",
        &["PSNR", "Decibel"],
        "How close two pictures are, pixel by pixel: 20 dB is recognisable, 30 dB close, 40 dB hardly told apart",
        "Your photo, scores of a VAE",
    ),
    term(
        "Density",
        &[],
        "How deep among the real pictures samples lie: about 1 is right, far above 1 means too many of the same kind",
        "Scores, curves",
    ),
    term(
        "Detail",
        &["Detail of reconstructions"],
        "How much neighbouring pixels differ, beside those of your pictures: below 1 is blurred, above is noisy",
        "Train, curves",
    ),
    term("Device", &[], "What computes: the processor (CPU) or a graphics card (GPU)", "Train, Settings"),
    term(
        "Disentanglement",
        &[],
        "Whether each number of the latent changes one property of the pictures alone; 1 is perfect",
        "Scores of a VAE",
    ),
    term(
        "Doctor",
        &["Finding"],
        "Reads the numbers of a run while it trains and says what goes wrong, what shows it and what to do",
        "Train, beside a run",
    ),
    term(
        "ELBO",
        &["Training", "Held out"],
        "A lower bound of how likely a VAE finds a picture: reconstruction and KL in one number; higher is better, \
         comparable only on the same pictures",
        "Train, curves of a VAE",
    ),
    term(
        "Encoder",
        &[],
        "A network that turns a picture into its latent; a VAE has one, a GAN can be given one",
        "Your photo",
    ),
    term(
        "FactorVAE score",
        &[],
        "How often the property that was held still can be guessed from the latent; 1 is always",
        "Scores of a VAE",
    ),
    term(
        "FID",
        &["FID by class", "Distance from the data"],
        "How far samples as a whole are from the training pictures; 0 is the same. Compare it only with the same \
         pictures and as many samples",
        "Scores",
    ),
    term(
        "Fork",
        &[],
        "A run that goes on from a checkpoint of another, with one setting changed or none",
        "Train, beside a run",
    ),
    term(
        "GAN",
        &["Generative adversarial network"],
        "Two networks in a contest: a generator makes pictures, a critic tells them from real ones; both get better. \
         Sharp pictures, and now and then whole kinds are missing",
        "Train, Models",
    ),
    term("Generator", &[], "The half of a GAN that makes pictures out of latents", "Train, curves of a GAN"),
    term("Good samples", &["Good"], "Share of samples as clear as nearly all real pictures are", "Scores, points"),
    term(
        "Gradient norms",
        &["All weights"],
        "How strongly the networks are pushed in each step; sudden peaks mean trouble",
        "Train, curves",
    ),
    term(
        "Informativeness",
        &[],
        "How well the properties of a picture can be read from its latent; 1 is perfect",
        "Scores of a VAE",
    ),
    term(
        "KID",
        &[],
        "How far samples are from the training pictures, as the studio's own network sees them: 0 is the same; the \
         shipped GANs reach 0.17 to 0.26",
        "Train, scores, Models",
    ),
    term(
        "kimg",
        &["Seen", "Thousand images"],
        "Thousands of pictures that the run has looked at so far; the same picture counts each time",
        "Train",
    ),
    term(
        "KL",
        &["KL divergence", "KL of modes"],
        "How much the latents say about a picture, in nats. Near 0 they say nothing; very large, and random latents give \
         poor pictures",
        "Train, curves of a VAE",
    ),
    term(
        "Latent",
        &["Latent space", "z"],
        "The list of numbers a picture is made from; close lists give similar pictures, and all of them together are \
         the latent space",
        "Explore",
    ),
    term(
        "Lattice",
        &["Lattice in samples", "Lattice in the data"],
        "A pattern that repeats at every eighth pixel of all samples; layers that double the size leave it behind",
        "Train, curves",
    ),
    term(
        "Learned σ",
        &[],
        "How exact a VAE believes its reconstructions to be; it falls as they get better",
        "Train, curves of a VAE",
    ),
    term(
        "Learning rate",
        &[],
        "How far each step goes: too high and a run falls apart, too low and it crawls",
        "Train",
    ),
    term(
        "log p(x|z)",
        &["Weighted bound"],
        "How likely a VAE finds a picture, in nats; higher is better, comparable only on the same pictures",
        "Scores of a VAE",
    ),
    term(
        "Losses",
        &["Loss"],
        "The numbers that training makes small. A GAN's two do not fall to 0: they balance each other",
        "Train, curves",
    ),
    term(
        "Memorisation",
        &[],
        "Whether samples are copies: 0.5 is right, towards 1 training pictures are learned by heart",
        "Scores",
    ),
    term("Memory", &[], "Working memory that the run takes now", "Train"),
    term(
        "MIG",
        &[],
        "Whether each property of the pictures has one number of the latent to itself; 1 is perfect, 0.3 is usual",
        "Scores of a VAE",
    ),
    term(
        "Modes",
        &["Mode collapse"],
        "Kinds of pictures in the data. When a GAN makes only a few of them, it has collapsed",
        "Points, scores",
    ),
    term("Nats", &[], "A measure of information, as bits are: 1 nat is 1.44 bits", "Train, scores of a VAE"),
    term(
        "Penalty",
        &["R1", "R2", "γ", "Gradient penalty"],
        "Keeps the critic from becoming too steep, which would leave the generator nothing to learn from",
        "Train, recipe and curves",
    ),
    term("Perceptual distance", &[], "How different two pictures look to a network; 0 is the same", "Scores of a VAE"),
    term(
        "Perplexity",
        &[],
        "How many equally likely tokens would be as hard to guess; high means that all tokens are used",
        "Train, curves of a token model",
    ),
    term("Precision", &[], "Share of samples that look like the training pictures", "Scores, curves"),
    term("Precision and coverage", &[], "Whether samples look real, and whether all kinds are made", "Train, curves"),
    term(
        "Prior over tokens",
        &[],
        "A model that draws the tokens of a picture one by one, from words or a class, for one token model",
        "Train, Draw",
    ),
    term("Recall", &[], "Share of the training pictures that samples can reach", "Scores, curves"),
    term(
        "Reconstruction",
        &[],
        "A picture turned into its latent and back; the error is what got lost on the way",
        "Train, curves of a VAE",
    ),
    term(
        "Samples beside the data",
        &[],
        "Numbers of what samples look like, each beside the same number of your pictures: 1 is as much, 0 is nothing",
        "Train, curves",
    ),
    term("Seed", &[], "The number that a random latent is drawn from: the same seed gives the same picture", "Explore"),
    term(
        "Sign rate",
        &[],
        "How often the critic tells real from generated: near 1 nearly always, near 0 it only guesses",
        "Train, curves of a GAN",
    ),
    term("Speed", &["img/s", "Pictures a second"], "Pictures that training gets through in a second", "Train"),
    term("SSIM", &[], "How alike two pictures are in structure; 1 is the same", "Scores of a VAE"),
    term("Steps", &[], "Times that the networks were changed; each step looks at one batch", "Train"),
    term("SWD", &[], "How far small patches of samples are from those of the data; 0 is the same", "Scores"),
    term(
        "Time left",
        &[],
        "From the steady speed lately, with the samples and checkpoints that are still to come; time in which the run \
         waits or is paused does not count",
        "Train, status line",
    ),
    term(
        "Token",
        &["Tokens"],
        "A whole number that stands for a small part of a picture; a picture is a grid of them",
        "Train, Draw",
    ),
    term(
        "Token model",
        &[],
        "Turns a picture into a grid of tokens and back; it draws nothing by itself",
        "Train, Models",
    ),
    term(
        "Truncation",
        &["Temperature"],
        "How far from the average samples may lie: lower is safer and more alike, 1 is as the model learned",
        "Explore",
    ),
    term(
        "VAE",
        &["Variational autoencoder"],
        "A network that squeezes each picture into a few numbers and builds it again from them. Softer than a GAN; it \
         leaves nothing out, and finds the latent of any picture at once",
        "Train, Models",
    ),
    term(
        "Variety",
        &["Variety of reconstructions"],
        "How different samples are from each other, beside how different your pictures are; near 0 all are alike",
        "Train, curves",
    ),
    term("Weight norms", &[], "Size of the networks' numbers; steady growth is usual, jumps are not", "Train, curves"),
    term(
        "β",
        &["Beta"],
        "How much a VAE is held to a tidy latent space: higher is tidier and softer, lower is sharper and more tangled",
        "Train, recipe of a VAE",
    ),
];

/// The row of a term, however it is written.
pub fn find(term: &str) -> Option<&'static Entry> {
    let is = |name: &str| name.eq_ignore_ascii_case(term);
    GLOSSARY.iter().find(|e| is(e.term)).or_else(|| GLOSSARY.iter().find(|e| e.also.iter().any(|a| is(a))))
}

/// What a term means, or nothing for a word that is no term.
pub fn says(term: &str) -> &'static str {
    find(term).map_or("", |e| e.says)
}

/// A tooltip with what a term means.
pub fn explain(response: egui::Response, term: &str) -> egui::Response {
    match find(term) {
        Some(entry) => response.on_hover_text(entry.says),
        None => response,
    }
}

/// What a GAN or a VAE is.
pub fn kind_of(family: Family) -> &'static str {
    says(match family {
        Family::Gan => "GAN",
        Family::Vae => "VAE",
        Family::Tokens => "Token model",
        Family::Prior => "Prior over tokens",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_in_order_unique_and_said_in_plain_sentences() {
        let mut seen = std::collections::BTreeSet::new();
        for entry in GLOSSARY {
            assert!(entry.says.len() > 15 && !entry.says.ends_with('.') && !entry.at.is_empty(), "{}", entry.term);
            for name in std::iter::once(&entry.term).chain(entry.also) {
                assert!(seen.insert(name.to_lowercase()), "{name} stands there twice");
            }
        }
        let sorted = GLOSSARY.is_sorted_by_key(|e| e.term.to_lowercase());
        assert!(sorted, "in the order of the alphabet");
    }

    #[test]
    fn every_score_has_an_entry() {
        for name in crate::eval::table::NAMES {
            assert!(find(name.title).is_some(), "{} is not explained", name.title);
        }
    }

    #[test]
    fn what_a_newcomer_stumbles_over_is_explained() {
        for word in ["GAN", "VAE", "latent", "seed", "kimg", "critic", "KL", "dB", "checkpoint", "truncation", "β"] {
            assert!(!says(word).is_empty(), "{word}");
        }
        assert_eq!(says("no term at all"), "");
    }
}
