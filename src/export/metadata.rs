//! What an exported file says of itself: its recipe, and the mark for pictures made by a trained model.
//!
//! | format | recipe | mark |
//! |---|---|---|
//! | PNG, APNG | `iTXt` chunk `latent-studio`, compressed JSON | `iTXt` chunk `XML:com.adobe.xmp` |
//! | GIF | comment extension `latent-studio:` + JSON in ASCII | application extension `XMP DataXMP` |
//! | MP4 | `uuid` box with JSON, and the comment of the film (`moov/udta/meta/ilst/©cmt`), which copies of the stream keep | `uuid` box of XMP |

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::base::{Problem, Result};
use crate::recipe::picture::PictureRecipe;

/// Keyword of the recipe's text chunk, and what the GIF comment begins with (with a colon).
pub use crate::recipe::picture::KEY;
/// Keyword of the XMP text chunk (XMP specification part 3, §1.1.5).
pub const XMP_KEY: &str = "XML:com.adobe.xmp";
/// Keyword of the text chunk that keeps the XMP packet of a photograph that was filled or changed.
pub const SOURCE_XMP_KEY: &str = "XMP of the source";
/// Bytes of a file that are searched for its XMP packet.
const SEARCHED: u64 = 16 << 20;
/// IPTC's word for a picture made by a trained model.
pub const SOURCE_TYPE: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
/// IPTC's word for a photograph that a trained model filled or changed in part.
pub const COMPOSITE_TYPE: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia";
/// IPTC's word for a picture that a program drew by rules alone, without a model that learned.
pub const ALGORITHMIC_TYPE: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia";
/// Type of the MP4 box that holds XMP (XMP specification part 3, §1.2.8).
pub const XMP_UUID: [u8; 16] =
    [0xBE, 0x7A, 0xCF, 0xCB, 0x97, 0xA9, 0x42, 0xE8, 0x9C, 0x71, 0x99, 0x94, 0x91, 0xE3, 0xAF, 0xAC];
/// Type of the MP4 box that holds the recipe.
pub const RECIPE_UUID: [u8; 16] = *b"latent-studio/01";
/// No recipe is longer than this many bytes; more is not read.
pub const LONGEST: usize = 32 << 20;

static NO_TRACES: AtomicBool = AtomicBool::new(false);

/// Has every recipe that this process writes leave out the name of the model and the device. For a command line that ends
/// after its export; the window asks for it by [`super::options::ExportOptions::no_traces`].
pub fn leave_no_traces() {
    NO_TRACES.store(true, Ordering::Relaxed);
}

/// The recipe as JSON.
///
/// # Errors
/// Never for recipes made by the studio; JSON has no word for numbers that are not finite.
pub fn json(recipe: &PictureRecipe) -> Result<String> {
    let bare = NO_TRACES.load(Ordering::Relaxed).then(|| recipe.clone().without_traces());
    serde_json::to_string(bare.as_ref().unwrap_or(recipe))
        .map_err(|e| Problem::failed("This recipe could not be written").because(e))
}

/// The recipe in `text`.
///
/// # Errors
/// It is damaged, or of a later version of the studio.
pub fn parse(text: &str) -> Result<PictureRecipe> {
    let recipe: PictureRecipe = serde_json::from_str(text)
        .map_err(|e| Problem::data("The recipe inside this file cannot be read").because(e))?;
    recipe.check().map(|()| recipe)
}

/// IPTC's word for how a picture came about.
pub fn source_type(recipe: &PictureRecipe) -> &'static str {
    match recipe.made_by.as_str() {
        "mended" => COMPOSITE_TYPE,
        "shapes" => ALGORITHMIC_TYPE,
        _ => SOURCE_TYPE,
    }
}

/// Text as it may stand between quotation marks in XML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_control()) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}

/// The XMP packet that marks a file as made by a trained model, with the names of IPTC's Photo Metadata Standard 2025.1.
pub fn xmp(recipe: &PictureRecipe) -> String {
    let tool = escaped(&format!("Latent Studio {}", recipe.studio));
    let kind = source_type(recipe);
    let bare = NO_TRACES.load(Ordering::Relaxed) || recipe.model.is_empty();
    let system = if bare { "Latent Studio".into() } else { escaped(&format!("Latent Studio, model {}", recipe.model)) };
    let weights: String = recipe.model_hash.chars().take(12).collect();
    let version = escaped(&format!("{}, weights {weights}", recipe.studio));
    let used = if kind == ALGORITHMIC_TYPE {
        String::new()
    } else {
        format!("\n   Iptc4xmpExt:AISystemUsed=\"{system}\"\n   Iptc4xmpExt:AISystemVersionUsed=\"{version}\"")
    };
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
         <x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n \
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n  \
         <rdf:Description rdf:about=\"\"\n    \
         xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"\n    \
         xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\"\n   \
         xmp:CreatorTool=\"{tool}\"\n   \
         Iptc4xmpExt:DigitalSourceType=\"{kind}\"{used}/>\n \
         </rdf:RDF>\n\
         </x:xmpmeta>\n\
         <?xpacket end=\"r\"?>"
    )
}

/// The XMP packet of somebody else's picture file, whichever format it has: packets are plain text so that they can be found
/// this way (XMP specification part 1, §7.3).
pub fn xmp_of(path: &std::path::Path) -> Option<String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    crate::base::vault::File::open(path).ok()?.take(SEARCHED).read_to_end(&mut bytes).ok()?;
    let find = |mark: &[u8], from: usize| bytes[from..].windows(mark.len()).position(|w| w == mark).map(|at| from + at);
    let begin = find(b"<x:xmpmeta", 0)?;
    let end = find(b"</x:xmpmeta>", begin)? + b"</x:xmpmeta>".len();
    String::from_utf8(bytes[begin..end].to_vec()).ok()
}

/// Contents of the two `iTXt` chunks of a PNG: the recipe, compressed, and the mark, which must not be.
///
/// # Errors
/// As [`json`].
pub fn itxt(recipe: &PictureRecipe) -> Result<[Vec<u8>; 2]> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    let packed = zlib.write_all(json(recipe)?.as_bytes()).and_then(|()| zlib.finish());
    let packed = packed.map_err(|e| Problem::failed("This recipe could not be packed").because(e))?;
    // Keyword, 0, compressed?, method 0, no language, 0, no translated keyword, 0, text.
    let mut chunk = [KEY.as_bytes(), &[0, 1, 0, 0, 0]].concat();
    chunk.extend(packed);
    let mut mark = [XMP_KEY.as_bytes(), &[0, 0, 0, 0, 0]].concat();
    mark.extend(xmp(recipe).as_bytes());
    Ok([chunk, mark])
}

/// The recipe as the text of a GIF comment, which is 7-bit ASCII by its specification.
///
/// # Errors
/// As [`json`].
pub fn comment(recipe: &PictureRecipe) -> Result<String> {
    let mut out = format!("{KEY}:");
    for c in json(recipe)?.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            // Outside of ASCII a character can only stand inside a JSON string, where this escape is its equal.
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    Ok(out)
}

/// Tests, and what other tests use of them.
#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::recipe::picture::{GridRecipe, Latent};

    /// A recipe with everything in it, names outside of ASCII and of XML included.
    pub fn full() -> PictureRecipe {
        let latents =
            vec![Latent::Point { values: vec![0.1, -1.0e-7, 3.402_823_5e38] }, Latent::Seed { seed: u64::MAX }];
        PictureRecipe {
            studio: "0.1 <\"&>".into(),
            model: "fäces 🙂".into(),
            model_hash: "00ff".into(),
            latent: latents[0].clone(),
            truncation: 0.7,
            made_by: "grid".into(),
            scale: 4,
            filter: "nearest".into(),
            grid: Some(GridRecipe { columns: 2, rows: 1, gap: 1, latents, triangle: false }),
            device: "flex".into(),
            prior: Some("11ee".into()),
            canvas: None,
            watermark: None,
        }
    }

    #[test]
    fn recipes_survive_json_to_the_last_bit() {
        assert_eq!(parse(&json(&full()).unwrap()).unwrap(), full());
        let ascii = comment(&full()).unwrap();
        assert!(ascii.is_ascii());
        assert_eq!(parse(&ascii[KEY.len() + 1..]).unwrap(), full());
        assert!(parse("{\"studio\":").is_err());
    }

    #[test]
    fn the_mark_names_the_source_type_and_is_proper_xml() {
        let text = xmp(&full());
        assert!(text.contains(SOURCE_TYPE) && text.contains("Latent Studio 0.1 &lt;&quot;&amp;>"));
        assert_eq!(text.matches('<').count(), text.matches('>').count() - 2, "two > are inside of what it says");
        assert!(text.contains("AISystemUsed=\"Latent Studio, model fäces 🙂\""));
        assert!(text.contains("AISystemVersionUsed=\"0.1 &lt;&quot;&amp;>, weights 00ff\""));
    }

    #[test]
    fn the_packet_of_another_program_is_found_and_kept() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let packet = "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><a/></x:xmpmeta>";
        std::fs::write(file.path(), [b"\xff\xd8\xff\xe1 junk ".as_slice(), packet.as_bytes(), b"\0\xff"].concat())
            .unwrap();
        assert_eq!(xmp_of(file.path()).as_deref(), Some(packet));
        std::fs::write(file.path(), &packet.as_bytes()[..30]).unwrap();
        assert_eq!(xmp_of(file.path()), None);
        let picture = crate::base::Picture::filled(3, 3, [1, 2, 3, 255]);
        let png = super::super::png::png_bytes(&picture, Some(&full())).unwrap();
        let with = super::super::png::with_text(&png, SOURCE_XMP_KEY, packet);
        assert_eq!(super::super::png::decode(&with).unwrap(), picture);
        std::fs::write(file.path(), &with).unwrap();
        let read = super::super::read_metadata::read_text(file.path(), SOURCE_XMP_KEY).unwrap();
        assert_eq!(read.as_deref(), Some(packet));
    }

    #[test]
    fn what_a_model_only_filled_is_a_composite_and_what_rules_drew_used_no_model() {
        let by = |made_by: &str| xmp(&PictureRecipe { made_by: made_by.into(), ..full() });
        assert!(by("mended").contains(COMPOSITE_TYPE) && by("mended").contains("AISystemUsed"));
        assert!(by("shapes").contains(ALGORITHMIC_TYPE) && !by("shapes").contains("AISystem"));
        assert!(by("sample").contains(SOURCE_TYPE));
    }
}
