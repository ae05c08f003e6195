//! Weights from PyTorch: state dicts of the two classics that everybody has trained, DCGAN and VAE of `pytorch/examples`.
//!
//! Their layers are ours under other names: a transposed convolution of a 1×1 picture is a linear layer, and an encoder that
//! reads pictures in [0, 1] reads ours in [-1, 1] with its first layer rescaled. Nothing is run from the file: only
//! tensors are read.

use std::path::Path;

use pytorch_reader::{DType, PytorchReader};
use safetensors::Dtype;

use super::MODELS;
use super::io::{HostTensor, Weights};
use crate::base::{Channels, Problem, Result};
use crate::recipe::{Adversarial, Likelihood, Recipe, Schedule, architecture};

/// Keys under which people save a state dict with other things beside it.
const NESTED: [&str; 6] = ["g_ema", "generator", "netG", "model_state_dict", "state_dict", "model"];

/// A tensor by which each network is known.
const KNOWN: [&str; 2] = ["main.0.weight", "fc21.weight"];

/// Whether a file looks like one of PyTorch's: by its name, or, where other programs use the name too, by its first bytes.
pub fn is_pytorch(path: &Path) -> bool {
    let ends = |names: &[&str]| path.extension().is_some_and(|e| names.iter().any(|n| e.eq_ignore_ascii_case(n)));
    ends(&["pt", "pth", "ckpt"]) || ends(&["pkl", "pickle", "bin", "tar"]) && has_its_bytes(path)
}

/// Whether a file begins as a zip archive or as a pickle.
fn has_its_bytes(path: &Path) -> bool {
    let mut head = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut f| std::io::Read::read_exact(&mut f, &mut head));
    read.is_ok() && matches!(head, [b'P', b'K', 3, 4] | [0x80, 2..=5, ..])
}

/// A Python script that opens an exported file of this name in PyTorch: all networks of the studio, and the name filled in.
///
/// `attempt` beyond the first gives the file another name.
///
/// Returns the script and the name of the file that it belongs in (an identifier, so that it can be imported).
pub fn loader(stem: &str, attempt: u32) -> (String, String) {
    let mut module: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if module.chars().next().is_none_or(|c| c.is_ascii_digit()) {
        module.insert_str(0, "model_");
    }
    if attempt > 1 {
        module += &format!("_{attempt}");
    }
    let networks: Vec<&str> = MODELS.iter().map(|m| m.python).collect();
    let script = include_str!("../../assets/pytorch/loader.py").replace("# {models}\n", &networks.join("\n"));
    let script = script.replace("{file}.py", &format!("{module}.py"));
    (script.replace("{file}", &stem.replace(['"', '\\', '\n'], "_")).replace("{module}", &module), module + ".py")
}

/// A network of ours with the weights of a PyTorch file: its recipe, and the weights under our names.
///
/// # Errors
/// The file cannot be read, or holds a network that is not known here.
pub fn read(path: &Path) -> Result<(Recipe, Weights)> {
    let dict = state_dict(path)?;
    let subject = || path.display().to_string();
    let known = if dict.tensors.contains_key("main.0.weight") {
        dcgan(&dict)
    } else if dict.tensors.contains_key("fc21.weight") {
        vae(&dict)
    } else {
        Err(Problem::data("This PyTorch file holds a network that is not known here")
            .because(format!("its tensors are {}", some_names(&dict)))
            .try_this("The generator of the DCGAN example and the model of the VAE example can be read"))
    };
    known.map_err(|p| p.of(subject()))
}

fn some_names(dict: &Weights) -> String {
    let names: Vec<&str> = dict.tensors.keys().take(6).map(String::as_str).collect();
    names.join(", ") + if dict.tensors.len() > names.len() { ", …" } else { "" }
}

fn state_dict(path: &Path) -> Result<Weights> {
    let bad = |e: &dyn std::fmt::Display| {
        Problem::data("This PyTorch file cannot be read")
            .of(path.display().to_string())
            .because(e)
            .try_this("Save the state dict again with torch.save(model.state_dict(), …)")
    };
    let pickle = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("pkl") || e.eq_ignore_ascii_case("pickle"));
    let of_objects = |e: &dyn std::fmt::Display| {
        Problem::data("This pickle holds objects of a Python program, not a state dict, and nothing is run from a file")
            .of(path.display().to_string())
            .because(e)
            .try_this("Open it in the program that made it, and save torch.save(model.state_dict(), \"name.pth\")")
    };
    let reader = PytorchReader::new(path).map_err(|e| if pickle { of_objects(&e) } else { bad(&e) })?;
    if pickle && reader.tensors().is_empty() {
        return Err(of_objects(&"no tensor is in it"));
    }
    let bytes = std::fs::metadata(path).map_or(0, |m| m.len());
    let all = reader.tensors();
    // Whatever stands before the names of the network: where it lay in the file, `module.` of a model on several GPUs.
    let prefix = |name: &str| {
        let before = KNOWN.iter().find_map(|known| name.strip_suffix(known))?;
        (before.is_empty() || before.ends_with('.')).then(|| before.to_string())
    };
    let place = |p: &String| NESTED.iter().position(|n| p.split('.').any(|part| part == *n)).unwrap_or(NESTED.len());
    let prefix = all.keys().filter_map(|k| prefix(k)).min_by_key(|p| (place(p), p.len())).unwrap_or_default();
    let mut out = Weights::default();
    let mut claimed = 0u64;
    for (name, tensor) in all {
        let Some(name) = name.strip_prefix(&prefix) else { continue };
        let dtype = match tensor.dtype() {
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
            DType::F16 => Dtype::F16,
            DType::BF16 => Dtype::BF16,
            // Counters, such as batches seen.
            _ => continue,
        };
        // A view may repeat the same numbers as often as its shape says, and many views may share them.
        let numbers = tensor.shape().iter().try_fold(1u64, |n, side| n.checked_mul(*side as u64));
        let size = numbers.and_then(|n| n.checked_mul(dtype.bitsize() as u64 / 8));
        claimed = size
            .and_then(|s| claimed.checked_add(s))
            .filter(|c| *c <= bytes)
            .ok_or_else(|| bad(&format!("{name} and those before it claim more numbers than the file holds")))?;
        let raw = tensor.read().map_err(|e| bad(&e))?;
        let values = super::tensor_file::decode(dtype, &raw).ok_or_else(|| bad(&format!("{name} is cut short")))?;
        if tensor.shape().iter().product::<usize>() != values.len() {
            return Err(bad(&format!("{name} does not have the size of its shape")));
        }
        out.tensors.insert(name.into(), HostTensor { shape: tensor.shape().to_vec(), values });
    }
    Ok(out)
}

fn get<'a>(dict: &'a Weights, name: &str, rank: usize) -> Result<&'a HostTensor> {
    dict.tensors
        .get(name)
        .filter(|t| t.shape.len() == rank && !t.shape.contains(&0))
        .ok_or_else(|| Problem::data("This PyTorch file lacks a tensor of the network it seems to hold").because(name))
}

fn transposed(t: &HostTensor) -> HostTensor {
    let (rows, columns) = (t.shape[0], t.shape[1]);
    let values = (0..columns).flat_map(|c| (0..rows).map(move |r| t.values[r * columns + c])).collect();
    HostTensor { shape: vec![columns, rows], values }
}

fn zeros(n: usize) -> HostTensor {
    HostTensor { shape: vec![n], values: vec![0.0; n] }
}

fn vector(dict: &Weights, name: &str, n: usize) -> HostTensor {
    dict.tensors.get(name).filter(|t| t.values.len() == n).cloned().unwrap_or_else(|| zeros(n))
}

/// `nn.Sequential` of transposed convolutions at `main.0`, `main.3`, …, with batch norm behind all but the last
/// (<https://github.com/pytorch/examples/blob/main/dcgan/main.py>).
fn dcgan(dict: &Weights) -> Result<(Recipe, Weights)> {
    let first = get(dict, "main.0.weight", 4)?;
    if !dict.tensors.contains_key("main.1.running_mean") {
        return Err(no_running_means(dict, first));
    }
    let convs: Vec<&HostTensor> = (0..).map_while(|i| get(dict, &format!("main.{}.weight", 3 * i), 4).ok()).collect();
    let (latent, width) = (first.shape[0], first.shape[1]);
    let last = convs[convs.len() - 1];
    let colours = last.shape[1];
    let plain = convs.iter().all(|c| c.shape[2..] == [4, 4]) && convs.len() >= 3;
    let halving = convs[1..].windows(2).all(|w| w[0].shape[1] * 2 == w[0].shape[0] && w[1].shape[0] == w[0].shape[1]);
    let channels = match colours {
        1 => Channels::Grey,
        3 => Channels::Rgb,
        4 => Channels::Rgba,
        _ => return Err(Problem::data("A picture has 1, 3 or 4 channels").because(format!("this one has {colours}"))),
    };
    if !plain || !halving {
        return Err(Problem::data("This DCGAN has another form than that of the PyTorch example")
            .because("kernels of 4×4 are expected, and half the channels at twice the size"));
    }
    let mut recipe = Recipe::default();
    recipe.data.resolution = (4 << (convs.len() - 1)).into();
    recipe.data.channels = channels;
    recipe.model.id = architecture::DCGAN.id.into();
    recipe.model.latent = latent as u32;
    (recipe.model.width, recipe.model.narrow) = (width as u32, last.shape[0] as u32);
    recipe.objective.adversarial = Adversarial::NonSaturating;
    (recipe.objective.r1, recipe.objective.r2) = (false, false);
    recipe.optim.lr = Schedule::constant(2e-4);
    (recipe.optim.beta1, recipe.optim.beta2) = (0.5, Schedule::constant(0.999));
    let mut out = Weights::default();
    // A 4×4 transposed convolution of one pixel makes each output number from all latents: a linear layer.
    let bias = vector(dict, "main.0.bias", width);
    let bias = bias.values.iter().flat_map(|b| [*b; 16]).collect();
    out.tensors.insert("fc.weight".into(), HostTensor { shape: vec![latent, 16 * width], ..first.clone() });
    out.tensors.insert("fc.bias".into(), HostTensor { shape: vec![16 * width], values: bias });
    for (i, conv) in convs[1..].iter().enumerate() {
        let (inputs, outputs) = (conv.shape[0], conv.shape[1]);
        let norm = 3 * i + 1;
        for (theirs, ours) in
            [("weight", "gamma"), ("bias", "beta"), ("running_mean", "running_mean"), ("running_var", "running_var")]
        {
            let t = get(dict, &format!("main.{norm}.{theirs}"), 1)?;
            if t.values.len() != inputs {
                return Err(Problem::data("A batch norm does not fit its convolution").because(format!("main.{norm}")));
            }
            out.tensors.insert(format!("norms.{i}.norm.{ours}"), t.clone());
        }
        out.tensors.insert(format!("deconvs.{i}.weight"), (*conv).clone());
        out.tensors.insert(format!("deconvs.{i}.bias"), vector(dict, &format!("main.{}.bias", norm + 2), outputs));
    }
    Ok((recipe, out))
}

/// Why a file whose first batch norm has no running mean cannot be read.
fn no_running_means(dict: &Weights, first: &HostTensor) -> Problem {
    let has = |name: &str, n: usize| dict.tensors.get(name).is_some_and(|t| t.shape == [n]);
    // Of a critic the first convolution is [out, colours, 4, 4], and its batch norm comes after the second one.
    let next = dict.tensors.get("main.2.weight").filter(|t| t.shape.len() == 4);
    if next.is_some_and(|t| t.shape[1] == first.shape[0]) && matches!(first.shape[1], 1 | 3 | 4) {
        return Problem::data("This is the critic of a DCGAN, and pictures are made by its generator")
            .try_this("Import the generator's file (netG)");
    }
    if has("main.1.weight", first.shape[1]) {
        return Problem::data("This DCGAN was saved without the running means of its batch norms")
            .because("main.1.running_mean and main.1.running_var are not in the file")
            .try_this(
                "Save model.state_dict(), which has them, rather than its parameters alone; batch norms made with \
                       track_running_stats=False have none",
            );
    }
    Problem::data("This network has another form than the DCGAN of the PyTorch example")
        .because(format!("its tensors are {}", some_names(dict)))
}

/// Two layers each way: `fc1`, `fc21` and `fc22` for mean and log variance, `fc3`, `fc4`
/// (<https://github.com/pytorch/examples/blob/main/vae/main.py>).
fn vae(dict: &Weights) -> Result<(Recipe, Weights)> {
    let layer = |name: &str| -> Result<(HostTensor, HostTensor)> {
        let weight = transposed(get(dict, &format!("{name}.weight"), 2)?);
        let bias = vector(dict, &format!("{name}.bias"), weight.shape[1]);
        Ok((weight, bias))
    };
    let [one, mean, log_variance, three, four] = ["fc1", "fc21", "fc22", "fc3", "fc4"].map(layer);
    let ((mut one, mut one_bias), mean, log_variance) = (one?, mean?, log_variance?);
    let (three, four) = (three?, four?);
    let (flat, width, latent) = (one.shape[0], one.shape[1], mean.0.shape[1]);
    let side = flat.isqrt();
    let fits = side * side == flat
        && three.0.shape == [latent, width]
        && four.0.shape == [width, flat]
        && log_variance.0.shape == mean.0.shape
        && mean.0.shape[0] == width;
    if !fits {
        return Err(Problem::data("This VAE has another form than that of the PyTorch example")
            .because(format!("{flat} → {width} → {latent}")));
    }
    // x₀₁ = (x + 1)/2: half the weights, and half their sum on the bias.
    for (k, bias) in one_bias.values.iter_mut().enumerate() {
        *bias += one.values.iter().skip(k).step_by(width).sum::<f32>() / 2.0;
    }
    one.values.iter_mut().for_each(|w| *w /= 2.0);
    let joined = |a: &HostTensor, b: &HostTensor| {
        let rows = a.values.chunks_exact(latent).zip(b.values.chunks_exact(latent));
        HostTensor { shape: vec![width, 2 * latent], values: rows.flat_map(|(a, b)| [a, b].concat()).collect() }
    };
    let mut recipe = Recipe::default();
    (recipe.data.resolution, recipe.data.channels) = ((side as u32).into(), Channels::Grey);
    recipe.model.id = architecture::MLP_VAE.id.into();
    (recipe.model.width, recipe.model.latent, recipe.model.blocks) = (width as u32, latent as u32, 1);
    recipe.objective.likelihood = Likelihood::Bernoulli;
    (recipe.optim.lr, recipe.optim.beta1) = (Schedule::constant(1e-3), 0.9);
    let mut out = Weights::default();
    let head_bias = [mean.1.values, log_variance.1.values].concat();
    for (name, tensor) in [
        ("encoder.0.weight", one),
        ("encoder.0.bias", one_bias),
        ("head.weight", joined(&mean.0, &log_variance.0)),
        ("head.bias", HostTensor { shape: vec![2 * latent], values: head_bias }),
        ("decoder.0.weight", three.0),
        ("decoder.0.bias", three.1),
        ("out.weight", four.0),
        ("out.bias", four.1),
        ("log_sigma", HostTensor { shape: vec![1], values: vec![-1.0] }),
    ] {
        out.tensors.insert(name.into(), tensor);
    }
    Ok((recipe, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict(tensors: &[(&str, &[usize])]) -> Weights {
        let tensor = |(name, shape): &(&str, &[usize])| {
            let values = vec![0.5; shape.iter().product()];
            ((*name).to_string(), HostTensor { shape: shape.to_vec(), values })
        };
        Weights { tensors: tensors.iter().map(tensor).collect(), ..Weights::default() }
    }

    #[test]
    fn a_generator_without_running_means_is_not_taken_for_a_critic() {
        let generator = dict(&[
            ("main.0.weight", &[8, 16, 4, 4]),
            ("main.1.weight", &[16]),
            ("main.1.bias", &[16]),
            ("main.3.weight", &[16, 8, 4, 4]),
        ]);
        let problem = dcgan(&generator).unwrap_err();
        assert!(problem.what.contains("without the running means") && problem.remedy.is_some(), "{problem}");
        let critic = dict(&[("main.0.weight", &[16, 3, 4, 4]), ("main.2.weight", &[32, 16, 4, 4])]);
        assert!(dcgan(&critic).unwrap_err().what.contains("is the critic"));
        let other = dict(&[("main.0.weight", &[16, 7, 4, 4])]);
        assert!(dcgan(&other).unwrap_err().detail.unwrap().contains("main.0.weight"));
    }

    #[test]
    fn tensors_without_numbers_are_refused() {
        let names = ["fc1", "fc21", "fc22", "fc3", "fc4"].map(|n| format!("{n}.weight"));
        let empty: Vec<(&str, &[usize])> = names.iter().map(|n| (n.as_str(), &[0usize, 0][..])).collect();
        assert!(vae(&dict(&empty)).is_err());
        assert!(dcgan(&dict(&[("main.0.weight", &[0, 0, 4, 4])])).is_err());
    }

    #[test]
    fn a_pickle_says_that_it_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("network.pkl");
        std::fs::write(&path, b"\x80\x04\x95\x1e\0\0\0\0\0\0\0\x8c\x08builtins\x94\x8c\x05print\x94\x93\x94.").unwrap();
        assert!(is_pytorch(&path));
        let problem = read(&path).unwrap_err();
        assert!(problem.what.contains("pickle") && problem.remedy.unwrap().contains("state_dict"), "{}", problem.what);
        std::fs::write(&path, b"no pickle").unwrap();
        assert!(!is_pytorch(&path));
    }
}
