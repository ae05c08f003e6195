//! Small whole files of every kind that the studio reads, and how each is read.

use std::io::{Cursor, Write};
use std::path::Path;

use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, tiff::TiffEncoder, webp::WebPEncoder};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, RgbaImage};
use latent_studio::base::progress::Quiet;
use latent_studio::base::{Picture, Problem};
use latent_studio::data;
use latent_studio::export::{read_recipe, write_png};
use latent_studio::library::Library;
use latent_studio::models::io::Weights;
use latent_studio::models::pytorch;
use latent_studio::recipe::{DataRecipe, Reading, Recipe};
use latent_studio::train::folder::RunFolder;

/// A kind of file.
pub struct Kind {
    pub name: &'static str,
    /// Whole files of it.
    pub seeds: Vec<Vec<u8>>,
    /// Bytes that may be held for each byte of it: 32 for each pixel that a byte can stand for.
    pub each: i64,
    /// Puts its checksums right again, so that damage gets behind them.
    pub mend: fn(&mut [u8]),
    /// Reads one, whole or not, in a folder of its own, and says whether it was usable; what is not is a problem with a
    /// sentence for a person.
    pub read: Reader,
}

type Reader = Box<dyn Fn(&[u8], &Path) -> bool>;

/// A problem that is fit for a person.
fn told<T>(outcome: Result<T, Problem>) -> Option<T> {
    outcome
        .inspect_err(|problem| {
            assert!(!problem.what.is_empty() && !problem.what.contains("panicked"), "{problem:?}");
        })
        .ok()
}

fn nothing(_: &mut [u8]) {}

/// Looks through a source and prepares its pictures.
fn used(source: &Path, cache: &Path) -> bool {
    let source = source.to_str().unwrap();
    let survey = told(data::survey(source, Reading::default(), &Quiet::default()));
    if let Some(survey) = &survey {
        assert!(survey.broken.iter().all(|b| !b.file.is_empty() && !b.reason.is_empty()), "{:?}", survey.broken);
    }
    let recipe = DataRecipe { source: source.into(), resolution: 16.into(), ..Recipe::default().data };
    let prepared = told(data::prepare(&recipe, cache, &Quiet::default()));
    if cache.exists() {
        std::fs::remove_dir_all(cache).unwrap();
    }
    survey.is_some() && prepared.is_some()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, format).unwrap();
    out.into_inner()
}

fn busy() -> DynamicImage {
    let pixel = |x: u32, y: u32| image::Rgba([(x * 9) as u8, (y * 7) as u8, (x * y) as u8, (x * 16) as u8]);
    DynamicImage::ImageRgba8(RgbaImage::from_fn(24, 20, pixel))
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    e.write_all(bytes).unwrap();
    e.finish().unwrap()
}

fn zipped(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (i, (name, bytes)) in entries.iter().enumerate() {
        let method = [zip::CompressionMethod::Deflated, zip::CompressionMethod::Stored][i % 2];
        zip.start_file(*name, zip::write::SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn picture(name: &'static str, seeds: Vec<Vec<u8>>) -> Kind {
    let read = move |bytes: &[u8], _: &Path| told(data::decode_bytes(bytes, &format!("x.{name}"))).is_some();
    let pixels = match name {
        "png" | "ico" => 1032 * 8,
        "jpg" | "bmp" => 1024,
        "gif" => 4096,
        "webp" => 1 << 16,
        "tiff" => 1 << 14,
        _ => 256,
    };
    let mend = if name == "png" { png_sums } else { nothing };
    Kind { name, seeds, each: 32 * pixels, mend, read: Box::new(read) }
}

/// A file of this name in a folder with a picture, used as a source.
fn beside(name: &'static str, file: &'static str, seeds: Vec<Vec<u8>>) -> Kind {
    let png = encoded(&busy(), ImageFormat::Png);
    let read = move |bytes: &[u8], dir: &Path| {
        let folder = dir.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a.png"), &png).unwrap();
        std::fs::write(folder.join(file), bytes).unwrap();
        let usable = used(&folder, &dir.join("prepared"));
        std::fs::remove_dir_all(&folder).unwrap();
        usable
    };
    Kind { name, seeds, each: 32 << 16, mend: nothing, read: Box::new(read) }
}

/// A file of this name in a folder of its own, read by its path.
fn file(name: &'static str, file: &'static str, seeds: Vec<Vec<u8>>, read: fn(&Path) -> bool) -> Kind {
    let whole = move |bytes: &[u8], dir: &Path| {
        let folder = dir.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(file), bytes).unwrap();
        let usable = read(&folder.join(file));
        std::fs::remove_dir_all(&folder).unwrap();
        usable
    };
    Kind { name, seeds, each: 32 << 13, mend: nothing, read: Box::new(whole) }
}

/// A file of this name in the folder of a run.
fn of_run(name: &'static str, file: &'static str, seed: &str) -> Kind {
    let read = move |bytes: &[u8], dir: &Path| {
        let folder = dir.join(name);
        if !folder.exists() {
            RunFolder::create(&folder, &Recipe::default(), None, "flex").unwrap();
        }
        std::fs::write(folder.join(file), bytes).unwrap();
        let Some(run) = told(RunFolder::open(&folder)) else { return false };
        let (events, end) = run.telemetry_from(0);
        assert!(end <= bytes.len() as u64 && events.len() <= bytes.len());
        told(run.recipe()).is_some() & told(run.summary()).is_some()
    };
    Kind { name, seeds: vec![seed.into()], each: 0, mend: nothing, read: Box::new(read) }
}

fn source(path: &Path) -> bool {
    used(path, &path.with_file_name("prepared"))
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(data);
    [&(data.len() as u32).to_be_bytes()[..], kind, data, &crc.sum().to_be_bytes()].concat()
}

/// Writes the checksum of every chunk of a PNG anew.
fn png_sums(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(body) = bytes.get(at + 4..at + 8 + length) else { return };
        let mut crc = flate2::Crc::new();
        crc.update(body);
        let (sum, end) = (crc.sum().to_be_bytes(), at + 8 + length);
        let Some(place) = bytes.get_mut(end..end + 4) else { return };
        place.copy_from_slice(&sum);
        at = end + 4;
    }
}

/// An EXIF block that turns the picture.
const EXIF: &[u8] = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";

/// A PNG with every chunk beside its pixels that says how they are meant, and an animated one that begins with nothing.
fn pngs_with_more() -> Vec<Vec<u8>> {
    let with = |png: &[u8], before: &[Vec<u8>], after: &[Vec<u8>]| {
        [&png[..33], &before.concat(), &png[33..png.len() - 12], &after.concat(), &png[png.len() - 12..]].concat()
    };
    let png = encoded(&busy(), ImageFormat::Png);
    let chroma = [31_270u32, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000].map(u32::to_be_bytes).concat();
    let meant = [
        chunk(b"gAMA", &45_455u32.to_be_bytes()),
        chunk(b"cHRM", &chroma),
        chunk(b"cICP", &[12, 13, 0, 1]),
        chunk(b"eXIf", EXIF),
        chunk(b"tEXt", b"Comment\0made here"),
    ];
    let empty = encoded(&DynamicImage::ImageRgba8(RgbaImage::new(24, 20)), ImageFormat::Png);
    let words = |all: &[u32]| all.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<u8>>();
    let at = png.windows(4).position(|w| w == b"IDAT").unwrap();
    let length = u32::from_be_bytes(png[at - 4..at].try_into().unwrap()) as usize;
    let control = |place| chunk(b"fcTL", &[words(&[place, 24, 20, 0, 0]), vec![0, 1, 0, 25, 0, 0]].concat());
    let later = [words(&[2]), png[at + 4..at + 4 + length].to_vec()].concat();
    let moving = with(&empty, &[chunk(b"acTL", &words(&[2, 0])), control(0)], &[control(1), chunk(b"fdAT", &later)]);
    vec![with(&png, &meant[..2], &[]), with(&png, &meant[2..], &meant[3..]), moving]
}

/// Pictures with a colour profile: PNG, JPEG (with EXIF too), TIFF, WebP.
fn with_profile() -> [Vec<u8>; 4] {
    let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let pixels = busy().into_rgb8();
    macro_rules! write {
        ($encoder:expr) => {{
            let mut out = Cursor::new(Vec::new());
            let mut encoder = $encoder(&mut out);
            encoder.set_icc_profile(profile.clone()).unwrap();
            let _ = encoder.set_exif_metadata(EXIF.to_vec());
            encoder.write_image(&pixels, pixels.width(), pixels.height(), ExtendedColorType::Rgb8).unwrap();
            out.into_inner()
        }};
    }
    [write!(PngEncoder::new), write!(JpegEncoder::new), write!(TiffEncoder::new), write!(WebPEncoder::new_lossless)]
}

/// An animation that begins with nothing.
fn moving_gif() -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = gif::Encoder::new(&mut out, 24, 20, &[]).unwrap();
    for (left, colour) in [(0, None), (3, Some([9, 8, 7]))] {
        let frame = gif::Frame {
            left,
            top: left,
            width: 12,
            height: 10,
            palette: Some([colour.unwrap_or_default(), [1, 2, 3]].concat()),
            transparent: colour.is_none().then_some(0),
            buffer: vec![0; 120].into(),
            ..gif::Frame::default()
        };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    out
}

/// More whole files of a kind, from the folder that `LATENT_STUDIO_MUTATE_SEEDS` names: those with its name as extension.
fn given(name: &str) -> Vec<Vec<u8>> {
    let Some(folder) = std::env::var_os("LATENT_STUDIO_MUTATE_SEEDS") else { return Vec::new() };
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths.iter().filter(|p| p.extension().is_some_and(|e| e == name)).map(|p| std::fs::read(p).unwrap()).collect()
}

fn idx() -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 3];
    [6u32, 9, 8].iter().for_each(|d| bytes.extend(d.to_be_bytes()));
    bytes.extend((0..6 * 72u32).map(|i| (i * 11) as u8));
    bytes
}

fn cifar() -> Vec<u8> {
    (0..3u32).flat_map(|k| std::iter::once(k as u8).chain((0..3072).map(move |i| (i * (k + 3)) as u8))).collect()
}

fn safetensors() -> Vec<u8> {
    let header = r#"{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"y":{"dtype":"F16","shape":[4],"data_offsets":[24,32]}}"#;
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[1; 32]].concat()
}

/// A library with a data set in it, as its file.
fn library() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("library.db");
    let library = Library::open(&path).unwrap();
    (0..20).for_each(|i| library.note_dataset(&format!("/pictures/{i}"), i).unwrap());
    drop(library);
    std::fs::read(path).unwrap()
}

/// A picture with a recipe inside.
fn generated() -> Vec<u8> {
    let recipe: latent_studio::recipe::picture::PictureRecipe = serde_json::from_str(
        r#"{"studio":"0","model":"m","model_hash":"h","latent":{"kind":"seed","seed":4},"truncation":1.0,"made_by":"sample","scale":1,"filter":"nearest","device":"flex"}"#,
    )
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made.png");
    write_png(&path, &Picture::filled(16, 16, [9, 200, 3, 255]), Some(&recipe)).unwrap();
    std::fs::read(path).unwrap()
}

const RUN: &str = r#"{"created":1700000000,"device":"flex","from":null,"name":"a name","kimg":20.5}"#;
const STATUS: &str = r#"{"state":"training","progress":{"step":4,"images":256,"target":20000,"images_per_s":3.5,"eta_s":100.0,"memory":9000000,"device":"flex","stage":""},"problem":null}"#;
const EDITS: &str =
    r#"[{"step":2,"images":128,"key":"optim.lr","value":0.001},{"step":3,"images":192,"key":"run.kimg","value":30}]"#;
const TELEMETRY: &str = r#"{"event":"started","device":"flex","pictures":20,"step":0,"images":0}
{"event":"reading","step":1,"images":64,"seconds":0.5,"values":[["loss",0.5],["kl.3",2.0]]}
{"event":"preview","images":64}
{"event":"checkpoint","images":128,"path":"/runs/a/checkpoints/000128","best":true,"score":0.25}
{"event":"edited","step":2,"images":128,"key":"optim.lr","value":0.001}
{"event":"state","state":"paused"}
{"event":"rewound","images":64}
{"event":"finished","path":"/runs/a/checkpoints/000256","images":256}
"#;

/// Every kind.
pub fn kinds() -> Vec<Kind> {
    let (rgba, rgb, grey) =
        (busy(), DynamicImage::ImageRgb8(busy().into_rgb8()), DynamicImage::ImageLuma8(busy().into_luma8()));
    let deep = DynamicImage::ImageRgba16(busy().into_rgba16());
    let float = DynamicImage::ImageRgb32F(busy().into_rgb32f());
    let all = |images: &[&DynamicImage], format| images.iter().map(|i| encoded(i, format)).collect::<Vec<_>>();
    let table = "file\tcaption\tlabel\tsize\na.png\ta red one\tx\t1,5\nb.png\tanother\ty\t2,5\n";
    let csv = "file_name;text;size;box\na.png;\"a; \"\"b\"\"\";1;\"[1,2]\"\nb.png;;2;\n";
    let jsonl = "{\"file_name\":\"a.png\",\"text\":\"x\",\"size\":1.5}\n{\"image\":\"b.png\",\"n\":[1,2]}\n";
    let coco = r#"{"images":[{"id":1,"file_name":"a.png"}],"annotations":[{"image_id":1,"caption":"c","category_id":2}],"categories":[{"id":2,"name":"k"}]}"#;
    let wide: Vec<u8> = table.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let png = encoded(&rgba, ImageFormat::Png);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let fixture = |name: &str| std::fs::read(fixtures.join(name)).unwrap();
    let [png_icc, jpg_icc, tiff_icc, webp_icc] = with_profile();
    let pictures = vec![
        picture(
            "png",
            [all(&[&rgba, &rgb, &grey, &deep], ImageFormat::Png), pngs_with_more(), vec![generated(), png_icc]]
                .concat(),
        ),
        picture("jpg", [all(&[&rgb, &grey], ImageFormat::Jpeg), vec![jpg_icc]].concat()),
        picture("gif", [all(&[&rgba], ImageFormat::Gif), vec![moving_gif()]].concat()),
        picture("webp", [all(&[&rgba, &rgb], ImageFormat::WebP), vec![webp_icc]].concat()),
        picture("bmp", all(&[&rgba, &rgb, &grey], ImageFormat::Bmp)),
        picture("tiff", [all(&[&rgba, &rgb, &grey, &deep, &float], ImageFormat::Tiff), vec![tiff_icc]].concat()),
        picture("tga", all(&[&rgba, &rgb, &grey], ImageFormat::Tga)),
        picture(
            "pnm",
            [
                all(&[&rgb, &grey], ImageFormat::Pnm),
                vec![
                    [&b"P3\n4 4\n255\n"[..], &b"7 80 255\n".repeat(16)].concat(),
                    b"P2 4 4 9 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7".to_vec(),
                ],
            ]
            .concat(),
        ),
        picture("qoi", all(&[&rgba, &rgb], ImageFormat::Qoi)),
        picture("ico", all(&[&rgba], ImageFormat::Ico)),
        picture("hdr", all(&[&float], ImageFormat::Hdr)),
    ];
    let any: Vec<Vec<u8>> = pictures.iter().flat_map(|k| k.seeds.iter().cloned()).collect();
    let mut all = pictures;
    all.extend([
        beside("folder", "b.tga", any),
        beside("tsv", "captions.tsv", vec![table.into(), [&[0xff, 0xfe][..], &wide].concat()]),
        beside("csv", "metadata.csv", vec![csv.into(), table.replace('\t', ",").into()]),
        beside("jsonl", "metadata.jsonl", vec![jsonl.into()]),
        beside("json", "notes.json", vec![coco.into(), br#"{"a.png":"one","b.png":{"x":1}}"#.to_vec()]),
        beside("caption", "a.txt", vec![b"a red square\non white".to_vec(), wide]),
        file("idx", "x-images-idx3-ubyte", vec![idx()], source),
        file("idx-gz", "x-images-idx3-ubyte.gz", vec![gz(&idx())], source),
        file("idx-in-gz", "x-images-idx3-ubyte", vec![idx()], |path| {
            let whole = path.with_extension("gz");
            std::fs::write(&whole, gz(&std::fs::read(path).unwrap())).unwrap();
            source(&whole)
        }),
        file(
            "idx-labels",
            "x-labels-idx1-ubyte",
            vec![[&[0, 0, 8, 1, 0, 0, 0, 6][..], &[1, 2, 3, 4, 5, 6]].concat()],
            |path| {
                let pictures = path.with_file_name("x-images-idx3-ubyte");
                std::fs::write(&pictures, idx()).unwrap();
                source(&pictures)
            },
        ),
        file("cifar", "data_batch_1.bin", vec![cifar()], source),
        file(
            "zip",
            "x.zip",
            vec![
                zipped(&[("a/1.png", png.clone()), ("a/2.png", png.clone()), ("captions.tsv", table.into())]),
                zipped(&[("x.jpg", encoded(&rgb, ImageFormat::Jpeg))]),
            ],
            source,
        ),
        Kind {
            name: "safetensors",
            seeds: vec![safetensors()],
            each: 0,
            mend: nothing,
            read: Box::new(|bytes, _| told(Weights::from_bytes(bytes)).is_some()),
        },
        file("pth", "x.pth", vec![fixture("vae_example.pt"), fixture("dcgan_generator.pth")], |path| {
            told(pytorch::read(path)).is_some()
        }),
        Kind {
            name: "recipe",
            seeds: vec![Recipe::default().to_json().into()],
            each: 0,
            mend: nothing,
            read: Box::new(|bytes, _| {
                told(Recipe::from_json(&String::from_utf8_lossy(bytes)).and_then(|r| r.validate())).is_some()
            }),
        },
        Kind {
            mend: png_sums,
            ..file("picture-recipe", "x.png", vec![generated()], |path| told(read_recipe(path)).is_some())
        },
        file("library", "library.db", vec![library()], |path| told(Library::open_or_repair(path)).is_some()),
        of_run("run", "run.json", RUN),
        of_run("run-status", "status.json", STATUS),
        of_run("run-edits", "edits.json", EDITS),
        of_run("run-telemetry", "telemetry.jsonl", TELEMETRY),
        of_run("run-recipe", "recipe.json", &Recipe::default().to_json()),
    ]);
    all.iter_mut().for_each(|kind| kind.seeds.extend(given(kind.name)));
    all
}
