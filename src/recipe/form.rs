//! Every setting a person may change: its title, help, range. The window's form, `--set` and `recipe schema` read it.

use serde::Serialize;

use super::{Recipe, json_path};
use crate::base::{Family, Problem, Result};

/// What a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "type")]
#[allow(missing_docs)] // Bounds and steps.
pub enum Input {
    /// A whole number.
    Int { min: i64, max: i64, step: i64 },
    /// A number; `log` for those that are changed by factors.
    Float { min: f64, max: f64, log: bool },
    /// A value that may change over the run: number or `{start, end, kimg, curve}`.
    Schedule { min: f64, max: f64, log: bool },
    /// Yes or no.
    Bool,
    /// One of these words.
    Choice { options: &'static [&'static str] },
    /// A colour `[r, g, b]`.
    Colour,
    /// Free text.
    Text,
    /// A list of words.
    List,
}

/// Group of settings in the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, strum::EnumIter)]
pub enum Group {
    /// Pictures.
    Data,
    /// Networks.
    Model,
    /// Loss and penalties.
    Objective,
    /// Optimiser.
    Optimiser,
    /// How long.
    Schedule,
    /// What is kept.
    Output,
}

/// A setting.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Field {
    /// Path in the recipe.
    pub key: &'static str,
    /// Name on the form.
    pub title: &'static str,
    /// One sentence that says what turning it up does.
    pub help: &'static str,
    /// Unit, or nothing.
    pub unit: &'static str,
    /// Group on the form.
    pub group: Group,
    /// What it holds.
    pub input: Input,
    /// Only for this family.
    pub family: Option<Family>,
    /// Shown on top, without asking for more.
    pub common: bool,
    /// May change while the run is on.
    pub live: bool,
}

const fn field(key: &'static str, title: &'static str, group: Group, input: Input, help: &'static str) -> Field {
    Field { key, title, help, unit: "", group, input, family: None, common: false, live: false }
}

impl Field {
    const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }
    const fn of(mut self, family: Family) -> Self {
        self.family = Some(family);
        self
    }
    const fn common(mut self) -> Self {
        self.common = true;
        self
    }
    const fn live(mut self) -> Self {
        self.live = true;
        self
    }
}

const fn int(min: i64, max: i64) -> Input {
    Input::Int { min, max, step: 1 }
}

/// Every setting, in the order of the form.
pub const FIELDS: &[Field] = &[
    field("name", "Name", Group::Output, Input::Text, "What you call this run"),
    field("data.source", "Pictures", Group::Data, Input::Text,
        "A folder, a zip, an IDX or CIFAR file, or a built-in set such as emoji:smileys or shapes").common(),
    field("data.resolution", "Resolution", Group::Data, Input::Int { min: 16, max: 256, step: 4 },
        "Pixels a side; twice as many show more detail and take about four times as long").unit("px").common(),
    field("data.channels", "Colours", Group::Data, Input::Choice { options: &["grey", "rgb", "rgba"] },
        "Grey learns fastest; RGBA also learns transparency"),
    field("data.fit", "Fit", Group::Data, Input::Choice { options: &["crop", "pad", "stretch"] },
        "How a picture that is not square becomes square"),
    field("data.background", "Background", Group::Data, Input::Colour,
        "The colour behind transparency and beside padded pictures"),
    field("data.mirror", "Mirror at random", Group::Data, Input::Bool,
        "Shows each picture mirrored half of the time; leave it off where left and right matter, as in letters"),
    field("data.drop_duplicates", "Leave out duplicates", Group::Data, Input::Bool,
        "Takes pictures that are the same, or nearly, only once"),
    field("data.limit", "At most", Group::Data, int(0, 100_000_000),
        "Trains on this many pictures only, always the same ones; 0 takes all").unit("pictures"),
    field("data.classes", "Classes from", Group::Data,
        Input::Choice { options: &["auto", "folders", "parent", "table", "none"] },
        "Auto takes a table, else folders that are no splits, shards, masks or copies; folders takes those of the first \
         level as they are, parent the folder each picture lies in"),
    field("data.sideways", "Turn sideways", Group::Data, Input::Choice { options: &["auto", "turn", "keep"] },
        "IDX files of EMNIST hold rows and columns swapped; auto turns those, turn any, keep none"),
    field("data.pixels", "Pixel values", Group::Data, Input::Choice { options: &["seen", "stored"] },
        "Seen takes colours as everybody sees them, by the colour profile in the file; stored takes the values as they are"),
    field("data.depth", "Bits used", Group::Data, int(0, 15),
        "Pictures with 16 bits a channel that use only 10, 12 or 14 of them are nearly black; the bits named here are \
         stretched over the whole range; 0 takes all as they are").unit("bits"),
    field("data.drop_blank", "Leave out blank pictures", Group::Data, Input::Bool,
        "Leaves out pictures that are one colour all over"),
    field("data.columns", "Columns of tables", Group::Data, Input::List,
        "What columns are taken for where the guess is wrong, as name=role: file, caption, label, number, category, none"),
    field("data.exclude", "Left out", Group::Data, Input::List, "Names of pictures that are not used"),
    field("model.id", "Model", Group::Model, Input::Choice { options: super::architecture::IDS },
        "Which networks are trained").common(),
    field("model.latent", "Latent dimensions", Group::Model, int(1, 1024),
        "Numbers that describe a picture; more hold more detail, fewer are easier to explore"),
    field("model.width", "Width", Group::Model, int(8, 1024),
        "Channels of the widest layers; twice as many can learn more and take about three times as long").unit("channels"),
    field("model.narrow", "Narrowest", Group::Model, int(4, 512),
        "Channels at the full picture size; more sharpen fine detail and cost the most time").unit("channels"),
    field("model.blocks", "Blocks", Group::Model, int(1, 8),
        "Residual blocks at each picture size, or hidden layers of an MLP; more are slower and can learn more"),
    field("model.levels", "Levels", Group::Model, int(2, 4),
        "Levels of latents of ladder-vae, from coarse to fine; more tell coarse and fine apart better and are slower")
        .of(Family::Vae),
    field("model.waves", "Waves", Group::Model, int(0, 6),
        "Octaves of sines and cosines that an MLP GAN is given beside points (Fourier features): sharper modes; 0 for none")
        .of(Family::Gan),
    field("model.feature_side", "Critic sees at", Group::Model, Input::Int { min: 32, max: 224, step: 32 },
        "Pixels a side at which the network of proj-gan sees pictures; more tell finer detail apart and take longer")
        .unit("px").of(Family::Gan),
    field("model.feature_seed", "Seed of the mixture", Group::Model, int(0, i64::MAX),
        "Seed of the fixed random convolutions that mix what the critic of proj-gan sees").of(Family::Gan),
    field("model.conditional", "Learn the labels", Group::Model, Input::Bool,
        "Lets you ask for a class of pictures; needs data with labels"),
    field("model.expansion", "Block expansion", Group::Model, int(0, 4),
        "How much wider the middle of a residual block is (R3GAN's full design); 0 for two plain convolutions")
        .of(Family::Gan),
    field("model.group", "Channels in a group", Group::Model, int(0, 256),
        "Splits the middle convolution of wide blocks into groups of so many channels; fewer are faster; 0 for no groups")
        .unit("channels").of(Family::Gan),
    field("model.mapping", "Mapping layers", Group::Model, int(0, 8),
        "Layers between the latent and the styles of style-gan; more untangle styles better and are harder to train")
        .of(Family::Gan),
    field("model.noise", "Noise inputs", Group::Model, Input::Bool,
        "Lets each layer of style-gan draw fine detail by chance").of(Family::Gan),
    field("model.minibatch", "Minibatch statistic", Group::Model, int(0, 64),
        "Shows the critic how much this many pictures differ, which keeps variety alive; 0 for none")
        .unit("pictures").of(Family::Gan),
    field("objective.adversarial", "Loss", Group::Objective,
        Input::Choice { options: &["relativistic", "non-saturating", "hinge", "least-squares", "wasserstein"] },
        "The game that generator and critic play; relativistic keeps all kinds of pictures alive").of(Family::Gan),
    field("objective.gamma", "Penalty γ", Group::Objective, Input::Schedule { min: 0.0, max: 1000.0, log: true },
        "Calms the critic; too low is unstable, too high is blurry and slow").of(Family::Gan).common().live(),
    field("objective.r1", "Penalty on real pictures (R1)", Group::Objective, Input::Bool,
        "Keeps the critic flat around real pictures").of(Family::Gan),
    field("objective.r2", "Penalty on generated pictures (R2)", Group::Objective, Input::Bool,
        "Keeps the critic flat around generated pictures").of(Family::Gan),
    field("objective.gp", "Penalty in between λ", Group::Objective, Input::Float { min: 0.0, max: 1000.0, log: true },
        "Keeps the critic's slope near 1 between real and generated pictures (WGAN-GP); 0 for none").of(Family::Gan),
    field("objective.penalty_interval", "Penalty every", Group::Objective, int(1, 64),
        "Takes the penalty less often, and as much stronger; higher is faster").unit("steps").of(Family::Gan),
    field("objective.critic_steps", "Critic steps", Group::Objective, int(1, 10),
        "Steps of the critic for each of the generator; more keep it sharper and take longer").of(Family::Gan),
    field("objective.feature_matching", "Feature matching", Group::Objective,
        Input::Float { min: 0.0, max: 1000.0, log: true },
        "Also makes the critic's mean features of generated pictures like those of real ones; higher is steadier, 0 for none")
        .of(Family::Gan),
    field("objective.label_dropout", "Hidden labels", Group::Objective, Input::Float { min: 0.0, max: 1.0, log: false },
        "Share of labels hidden while training, so that the model can also do without a class"),
    field("objective.style_mixing", "Style mixing", Group::Objective, Input::Float { min: 0.0, max: 1.0, log: false },
        "Share of pictures of style-gan made from two styles; more makes layers independent of each other").of(Family::Gan),
    field("objective.freeze_critic", "Frozen critic layers", Group::Objective, int(0, 16),
        "Fine-tuning: so many of the critic's layers next to the picture stay as they are; more keep what was learned")
        .of(Family::Gan),
    field("objective.freeze_mapping", "Freeze the mapping", Group::Objective, Input::Bool,
        "Fine-tuning of style-gan: keeps where styles lie and learns only how they look").of(Family::Gan),
    field("objective.augment_control", "Augmentation control", Group::Objective,
        Input::Choice { options: &["fixed", "adaptive"] },
        "Fixed keeps to the share below; adaptive raises it as soon as the critic learns its pictures by heart (ADA)")
        .of(Family::Gan),
    field("objective.ada_target", "Adaptive target", Group::Objective, Input::Float { min: 0.0, max: 1.0, log: false },
        "How much overfitting adaptive augmentation tolerates; higher augments less").of(Family::Gan).live(),
    field("objective.ada_kimg", "Adaptive speed", Group::Objective, Input::Float { min: 0.1, max: 1e5, log: true },
        "In how many pictures adaptive augmentation may go from none to all; higher is slower").unit("kimg")
        .of(Family::Gan).live(),
    field("objective.augment", "Augmentation", Group::Objective, Input::Schedule { min: 0.0, max: 1.0, log: false },
        "Share of pictures shown altered to the critic (DiffAugment); higher stops it from learning a small set by heart")
        .of(Family::Gan).live(),
    field("objective.augment_colour", "Alter colours", Group::Objective, Input::Bool,
        "Brightness, saturation and contrast").of(Family::Gan),
    field("objective.augment_translation", "Shift", Group::Objective, Input::Bool,
        "By up to an eighth of a side").of(Family::Gan),
    field("objective.augment_cutout", "Cut out", Group::Objective, Input::Bool,
        "A square of half a side").of(Family::Gan),
    field("objective.augment_geometry", "Turn and zoom", Group::Objective, Input::Bool,
        "Mirrors, turns by quarters and zooms; only where pictures so changed are still pictures of your kind")
        .of(Family::Gan),
    field("objective.likelihood", "Likelihood", Group::Objective, Input::Choice { options: &["bernoulli", "gaussian"] },
        "What the decoder says of a pixel: Bernoulli suits drawings, Gaussian with learned variance suits photographs")
        .of(Family::Vae),
    field("objective.beta", "KL weight β", Group::Objective, Input::Schedule { min: 0.0, max: 100.0, log: true },
        "Above 1 latents become simpler and more separate, pictures blurrier; below 1 the reverse")
        .of(Family::Vae).common().live(),
    field("objective.free_bits", "Free bits", Group::Objective, Input::Float { min: 0.0, max: 10.0, log: false },
        "What each latent dimension may keep at no cost; higher keeps more dimensions in use").unit("nats").of(Family::Vae),
    field("objective.vae.bound", "Bound", Group::Objective, Input::Choice { options: &["elbo", "iwae", "dreg"] },
        "What is made large: the usual bound, or a tighter one of several samples (dreg trains its encoder better)")
        .of(Family::Vae),
    field("objective.vae.samples", "Samples a picture", Group::Objective, int(1, 64),
        "Latents drawn of each picture for the bounds iwae and dreg; more are tighter and as much slower")
        .of(Family::Vae),
    field("objective.vae.charge", "KL charge", Group::Objective,
        Input::Choice { options: &["beta", "capacity", "total-correlation"] },
        "beta charges all of it β times, capacity its distance from a growing goal, total-correlation only what \
         dimensions tell of each other").of(Family::Vae),
    field("objective.vae.capacity", "Capacity C", Group::Objective, Input::Schedule { min: 0.0, max: 1000.0, log: false },
        "What the code may tell of a picture with the charge capacity; higher keeps more detail").unit("nats")
        .of(Family::Vae).live(),
    field("objective.vae.capacity_weight", "Capacity weight γ", Group::Objective,
        Input::Float { min: 0.0, max: 10_000.0, log: true },
        "How firmly the code is kept at its capacity; higher is firmer and blurrier on the way").of(Family::Vae).live(),
    field("objective.vae.estimator", "Estimator", Group::Objective,
        Input::Choice { options: &["weighted", "stratified"] },
        "How the density of all codes is estimated from a batch; stratified is less biased, weighted is steadier")
        .of(Family::Vae),
    field("objective.vae.binarise", "Black or white at random", Group::Objective, Input::Bool,
        "Draws each grey pixel black or white anew whenever it is seen, for bounds that compare with the literature")
        .of(Family::Vae),
    field("objective.vae.pseudo_inputs", "Pseudo-inputs", Group::Objective, int(0, 1000),
        "Learns a prior from so many made-up pictures (VampPrior); more fit the codes better, 0 keeps the standard normal")
        .of(Family::Vae),
    field("objective.vae.pixels", "Pixel weight", Group::Objective, Input::Float { min: 0.0, max: 1000.0, log: true },
        "How much each pixel of a reconstruction counts; lower it where a critic's features say what counts")
        .of(Family::Vae).live(),
    field("objective.vae.perceptual", "Perceptual weight", Group::Objective,
        Input::Float { min: 0.0, max: 100_000.0, log: true },
        "Makes reconstructions alike in the eyes of a feature network, so scores by it flatter it; higher is sharper, 0 \
         for none").unit("nats").of(Family::Vae),
    field("objective.vae.perceptual_features", "Perceptual features", Group::Objective,
        Input::Choice { options: &["studio", "photo"] },
        "Which network that is: studio for drawings and all kinds, photo for photographs (slower)").of(Family::Vae),
    field("objective.vae.features", "Feature weight", Group::Objective,
        Input::Float { min: 0.0, max: 1000.0, log: true },
        "Trains a critic along and makes reconstructions alike in its eyes (VAE-GAN); higher is sharper, 0 for none")
        .of(Family::Vae),
    field("objective.vae.adversarial", "Critic weight", Group::Objective,
        Input::Float { min: 0.0, max: 100_000.0, log: true },
        "Trains a critic along and makes pictures that it takes for real (VAE-GAN); higher is sharper and less faithful")
        .unit("nats").of(Family::Vae),
    field("objective.vae.equilibrium", "Equilibrium", Group::Objective,
        Input::Float { min: 0.0, max: 10.0, log: false },
        "Loss of the critic at which it and the decoder are equally strong; higher keeps the critic weaker")
        .of(Family::Vae).live(),
    field("objective.vae.margin", "Margin", Group::Objective, Input::Float { min: 0.0, max: 10.0, log: false },
        "How far from the equilibrium both still learn; 0 lets both learn always").of(Family::Vae).live(),
    field("optim.batch", "Batch", Group::Optimiser, int(2, 4096),
        "Pictures a step; more are steadier and need more memory").unit("pictures"),
    field("optim.lr", "Learning rate", Group::Optimiser, Input::Schedule { min: 1e-7, max: 0.1, log: true },
        "How far each step goes; higher learns faster until it becomes unstable").common().live(),
    field("optim.beta1", "Adam β₁", Group::Optimiser, Input::Float { min: 0.0, max: 0.999, log: false },
        "Memory of past gradients; higher is smoother and slower to turn"),
    field("optim.beta2", "Adam β₂", Group::Optimiser, Input::Schedule { min: 0.0, max: 0.99999, log: false },
        "Memory of past gradient sizes; higher is steadier and slower to adapt"),
    field("optim.epsilon", "Adam ε", Group::Optimiser, Input::Float { min: 1e-12, max: 1e-1, log: true },
        "Smallest gradient size that is divided by; higher damps tiny gradients"),
    field("optim.ema_kimg", "Averaging half-life", Group::Optimiser, Input::Schedule { min: 0.0, max: 100_000.0, log: true },
        "Averages the weights you see over this many pictures; longer is smoother and lags behind").unit("kimg"),
    field("optim.ema_rampup", "Averaging ramp-up", Group::Optimiser, Input::Float { min: 0.0, max: 1.0, log: false },
        "Shortens the half-life at the beginning to this share of the pictures seen"),
    field("optim.clip_norm", "Gradient limit", Group::Optimiser, Input::Float { min: 0.0, max: 1e6, log: true },
        "Largest norm of all gradients together; 0 for none"),
    field("optim.accumulate", "Parts of a batch", Group::Optimiser, int(1, 64),
        "Works a batch off in so many parts, which needs less memory and gives the same step (nearly, where samples see each other)"),
    field("run.kimg", "Length", Group::Schedule, Input::Float { min: 0.0, max: 1e7, log: true },
        "Thousands of pictures to see before it stops; you can always go on").unit("kimg").common().live(),
    field("seed", "Seed", Group::Schedule, int(0, i64::MAX), "Same seed, same recipe, same CPU: the same run"),
    field("run.checkpoint_kimg", "Checkpoint every", Group::Output, Input::Float { min: 0.001, max: 1e6, log: true },
        "How often the whole state is saved").unit("kimg").live(),
    field("run.keep", "Checkpoints kept", Group::Output, int(1, 1000), "How many are kept, besides the best").live(),
    field("run.preview_kimg", "Samples every", Group::Output, Input::Float { min: 0.001, max: 1e6, log: true },
        "How often the sample grid is renewed").unit("kimg").live(),
    field("run.telemetry_steps", "Numbers every", Group::Output, int(1, 10_000),
        "How often the curves get a point").unit("steps").live(),
];

/// The setting at a path.
pub fn find(key: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|f| f.key == key)
}

/// A text that names settings by their paths, as commands do, with their titles on the form instead.
pub fn with_titles(text: &str) -> String {
    let in_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| !in_path(c)) {
        let word = part.trim_end_matches(|c: char| !in_path(c));
        // A full stop ends the sentence, not the path.
        let path = word.trim_end_matches('.');
        match find(path).filter(|_| path.contains('.')) {
            Some(field) => out.extend(["“", field.title, "”", &part[path.len()..]]),
            None => out.push_str(part),
        }
    }
    out
}

/// The setting whose path is spelled most like this one.
pub fn nearest(key: &str) -> Option<&'static str> {
    fn distance(a: &str, b: &str) -> usize {
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, x) in a.iter().enumerate() {
            let mut diagonal = row[0];
            row[0] = i + 1;
            for (j, y) in b.iter().enumerate() {
                let change = diagonal + usize::from(x != y);
                diagonal = row[j + 1];
                row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
            }
        }
        row[b.len()]
    }
    // People leave the group away: compare with the last word too.
    let score = |f: &Field| distance(key, f.key).min(distance(key, f.key.rsplit('.').next().unwrap_or(f.key)));
    FIELDS.iter().map(|f| (score(f), f.key)).min().filter(|(d, _)| *d <= 4).map(|(_, k)| k)
}

/// Checks every setting of the table against its range.
///
/// # Errors
/// The first one that is out of range.
pub fn check(recipe: &Recipe) -> Result<()> {
    for f in FIELDS {
        let Some(value) = json_path::get(recipe, f.key) else { continue };
        if f.key == "data.resolution" && recipe.data.channels == crate::base::Channels::Points {
            continue;
        }
        let refuse = |v: f64, min: f64, max: f64| {
            Problem::usage(format!("{} is out of range", f.title))
                .of(format!("{} = {v}", f.key))
                .try_this(format!("Choose {min} to {max}"))
        };
        let within = |v: f64, min: f64, max: f64| {
            if v.is_finite() && (min..=max).contains(&v) { Ok(()) } else { Err(refuse(v, min, max)) }
        };
        match f.input {
            Input::Int { min, max, .. } => {
                within(value.as_f64().unwrap_or(f64::NAN), min as f64, max as f64)?;
            }
            Input::Float { min, max, .. } => within(value.as_f64().unwrap_or(f64::NAN), min, max)?,
            Input::Schedule { min, max, .. } => {
                for end in ["start", "end"] {
                    within(value[end].as_f64().unwrap_or(f64::NAN), min, max)?;
                }
                within(value["kimg"].as_f64().unwrap_or(f64::NAN), 0.0, 1e9)?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_called_as_on_the_form() {
        let told = with_titles("For none set data.classes to none; see optim.lr. Not data.classes.x, 0.5 or classes");
        let shown = "For none set “Classes from” to none; see “Learning rate”. Not data.classes.x, 0.5 or classes";
        assert_eq!(told, shown);
        assert_eq!(with_titles(""), "");
    }

    #[test]
    fn every_leaf_of_a_recipe_is_on_the_form_and_back() {
        fn leaves(prefix: &str, v: &serde_json::Value, out: &mut Vec<String>) {
            match v {
                serde_json::Value::Object(map) if !map.contains_key("curve") => {
                    for (k, v) in map {
                        leaves(&if prefix.is_empty() { k.clone() } else { format!("{prefix}.{k}") }, v, out);
                    }
                }
                _ => out.push(prefix.into()),
            }
        }
        let mut paths = Vec::new();
        leaves("", &serde_json::to_value(Recipe::default()).unwrap(), &mut paths);
        // Kept by the studio, not set by hand.
        paths.retain(|p| p != "format" && p != "model.classes");
        for p in &paths {
            assert!(find(p).is_some(), "{p} is not on the form");
        }
        for f in FIELDS {
            assert!(paths.iter().any(|p| p == f.key), "{} is not in the recipe", f.key);
            assert!(f.help.len() > 10 && !f.help.ends_with('.'), "{}", f.key);
        }
    }

    #[test]
    fn ranges_are_checked() {
        let mut r = Recipe::default();
        r.optim.lr = crate::recipe::Schedule::constant(7.0);
        assert!(check(&r).unwrap_err().subject.unwrap().starts_with("optim.lr"));
    }
}
