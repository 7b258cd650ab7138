//! Container images: OCI image layouts (image-layout.md of the OCI image specification) and the output of `docker save`,
//! each as a directory or as an archive.

use super::packed::{self, Digesting};
use super::unpack::{Limits, UnpackError, Unpacking, Whiteouts};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Maximum length of a manifest or configuration, in bytes.
const MAX_JSON_BYTES: u64 = 16 << 20;
/// Maximum depth of nested indexes.
const MAX_INDEXES: usize = 4;

/// Execution parameters of a container image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Image {
    /// Environment variables.
    pub(crate) environment: Vec<(String, String)>,
    /// User, by name or number.
    pub(crate) user: Option<String>,
    /// Working directory.
    pub(crate) directory: Option<String>,
}

/// Error about a container image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    /// A file of a container image cannot be read.
    #[error("cannot read the file `{name}` of the image")]
    File {
        /// Path of the file in the image.
        name: String,
        /// Error of the read.
        source: io::Error,
    },
    /// The directory or archive is not an image.
    #[error("not a container image: neither `index.json` nor `manifest.json` found")]
    NotAnImage,
    /// The directory or archive has no image, or none for this architecture.
    #[error("no image for {0}")]
    NoneFor(String),
    /// The directory or archive has several images.
    #[error("several images, expected one: {0}")]
    Several(String),
    /// A digest is invalid, or not SHA-256.
    #[error("`{0}` is not a sha256 digest")]
    NoDigest(String),
    /// The content of a file does not match its digest.
    #[error("digest mismatch of the file `{name}`: expected {expected}, found {found}")]
    Changed {
        /// Path of the file in the image.
        name: String,
        /// Expected digest.
        expected: String,
        /// Digest of the content.
        found: String,
    },
    /// A layer cannot be unpacked.
    #[error("cannot unpack the layer `{name}`")]
    Layer {
        /// Path of the layer in the image.
        name: String,
        /// Error of the unpacking.
        source: UnpackError,
    },
}

impl ImageError {
    /// Returns the host's error, if the image itself is valid; see [`UnpackError::refusal`].
    pub(super) fn refusal(&self) -> Option<&io::Error> {
        if let Self::Layer { source, .. } = self { source.refusal() } else { None }
    }
}

#[derive(Debug, Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Debug, Clone, Deserialize)]
struct Descriptor {
    #[serde(rename = "mediaType", default)]
    media_type: String,
    digest: String,
    platform: Option<Platform>,
}

#[derive(Debug, Clone, Deserialize)]
struct Platform {
    architecture: String,
    os: String,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// Element of `manifest.json`.
#[derive(Debug, Deserialize)]
struct Saved {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Configuration {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    config: Option<Execution>,
    rootfs: LayerDigests,
}

#[derive(Debug, Default, Deserialize)]
struct Execution {
    #[serde(rename = "Env", default)]
    environment: Option<Vec<String>>,
    #[serde(rename = "User", default)]
    user: Option<String>,
    #[serde(rename = "WorkingDir", default)]
    directory: Option<String>,
}

#[derive(Debug, Deserialize)]
struct LayerDigests {
    diff_ids: Vec<String>,
}

/// Opened image.
#[derive(Debug)]
pub(super) struct Opened {
    directory: File,
    /// Digest of the configuration, which contains the digests of all layers.
    pub(super) digest: String,
    pub(super) image: Image,
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    file: String,
    /// Digest of the compressed file, if the image has one.
    packed: Option<String>,
    /// Digest of the decompressed content.
    content: String,
}

impl Opened {
    /// Opens an image and reads everything except the layers.
    pub(super) fn open(directory: &Path) -> Result<Self, ImageError> {
        let directory = File::open(directory).map_err(|source| file_error(".", source))?;
        let (config, layers) = match json::<Index>(&directory, "index.json") {
            Ok(index) => from_layout(&directory, index)?,
            Err(ImageError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                saved(&directory)?
            }
            Err(error) => return Err(error),
        };
        let text = bytes(&directory, &config)?;
        let digest = packed::digest(text.as_slice()).map_err(|source| file_error(&config, source))?;
        let configuration: Configuration = parse(&config, &text)?;
        check_architecture(&configuration.architecture)?;
        let contents = configuration.rootfs.diff_ids;
        if contents.len() != layers.len() {
            let source =
                io::Error::other(format!("lists {} digests for {} layers", contents.len(), layers.len()));
            return Err(file_error(&config, source));
        }
        let layers = layers
            .into_iter()
            .zip(contents)
            .map(|((file, packed), content)| Ok(Layer { file, packed, content: hex(&content)?.to_owned() }));
        let layers = layers.collect::<Result<_, ImageError>>()?;
        Ok(Self { directory, digest, image: image(configuration.config.unwrap_or_default()), layers })
    }

    /// Unpacks the layers in order and checks their digests. Returns the number of skipped device nodes.
    pub(super) fn unpack(&self, into: &Path) -> Result<u64, ImageError> {
        let layer = |name: &str| {
            let name = name.to_owned();
            move |source| ImageError::Layer { name, source }
        };
        let mut unpacking = Unpacking::new(into, Limits::default()).map_err(layer("all of them"))?;
        for Layer { file: name, packed, content } in &self.layers {
            let file = open(&self.directory, name).map_err(|source| file_error(name, source))?;
            let (file, packed_digest) = Digesting::new(file);
            let read = |error| layer(name)(UnpackError::Read(error));
            let (mut from, content_digest) = Digesting::new(packed::content(file).map_err(read)?);
            unpacking.archive(&mut from, Whiteouts::Honoured).map_err(layer(name))?;
            // An archive is padded at its end.
            io::copy(&mut from, &mut io::sink()).map_err(read)?;
            drop(from);
            same(name, content, &content_digest.hex())?;
            if let Some(packed) = packed {
                same(name, packed, &packed_digest.hex())?;
            }
        }
        unpacking.finish().map_err(layer("all of them"))
    }
}

/// Path of the configuration, and paths and digests of the layers.
type Files = (String, Vec<(String, Option<String>)>);

fn from_layout(directory: &File, index: Index) -> Result<Files, ImageError> {
    let mut index = index;
    for _ in 0..MAX_INDEXES {
        let chosen = choose(index.manifests)?;
        let name = blob(&chosen.digest)?;
        let text = verified(directory, &name, hex(&chosen.digest)?)?;
        if chosen.media_type.contains("index") || chosen.media_type.contains("manifest.list") {
            index = parse(&name, &text)?;
            continue;
        }
        let manifest: Manifest = parse(&name, &text)?;
        let config = blob(&manifest.config.digest)?;
        verified(directory, &config, hex(&manifest.config.digest)?)?;
        let layers = manifest
            .layers
            .iter()
            .map(|layer| Ok((blob(&layer.digest)?, Some(hex(&layer.digest)?.to_owned()))));
        return Ok((config, layers.collect::<Result<_, ImageError>>()?));
    }
    Err(ImageError::NotAnImage)
}

/// Returns the only manifest, or the only one for this architecture.
fn choose(manifests: Vec<Descriptor>) -> Result<Descriptor, ImageError> {
    let fits = |descriptor: &Descriptor| {
        let platform = descriptor.platform.as_ref();
        platform.is_none_or(|platform| platform.os == "linux" && platform.architecture == architecture())
    };
    let mut fitting: Vec<_> = manifests.into_iter().filter(fits).collect();
    match (fitting.pop(), fitting.len()) {
        (None, _) => Err(ImageError::NoneFor(format!("linux/{}", architecture()))),
        (Some(one), 0) => Ok(one),
        (Some(last), _) => {
            let names: Vec<_> = fitting.iter().chain([&last]).map(|one| one.digest.clone()).collect();
            Err(ImageError::Several(names.join(", ")))
        }
    }
}

fn saved(directory: &File) -> Result<Files, ImageError> {
    let images = match json::<Vec<Saved>>(directory, "manifest.json") {
        Err(ImageError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(ImageError::NotAnImage);
        }
        images => images?,
    };
    match <[Saved; 1]>::try_from(images) {
        Ok([image]) => Ok((image.config, image.layers.into_iter().map(|layer| (layer, None)).collect())),
        Err(images) if images.is_empty() => Err(ImageError::NoneFor("any platform".into())),
        Err(images) => {
            let tags = images.into_iter().flat_map(|image| image.tags.unwrap_or_default());
            Err(ImageError::Several(tags.collect::<Vec<_>>().join(", ")))
        }
    }
}

/// Returns the OCI name of this machine's architecture.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        other => other,
    }
}

fn check_architecture(of_image: &str) -> Result<(), ImageError> {
    if of_image.is_empty() || of_image == architecture() {
        return Ok(());
    }
    Err(ImageError::NoneFor(format!("{}; the image is for {of_image}", architecture())))
}

fn image(execution: Execution) -> Image {
    let variables = execution.environment.unwrap_or_default();
    let variable = |text: String| text.split_once('=').map(|(name, value)| (name.into(), value.into()));
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    Image {
        environment: variables.into_iter().filter_map(variable).collect(),
        user: some(execution.user),
        directory: some(execution.directory),
    }
}

fn hex(digest: &str) -> Result<&str, ImageError> {
    let is_hex = |text: &&str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digest.strip_prefix("sha256:").filter(is_hex).ok_or_else(|| ImageError::NoDigest(digest.to_owned()))
}

fn blob(digest: &str) -> Result<String, ImageError> {
    Ok(format!("blobs/sha256/{}", hex(digest)?))
}

fn same(name: &str, expected: &str, found: &str) -> Result<(), ImageError> {
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (expected.to_owned(), found.to_owned());
    Err(ImageError::Changed { name: name.to_owned(), expected, found })
}

fn file_error(name: &str, source: io::Error) -> ImageError {
    ImageError::File { name: name.to_owned(), source }
}

/// Opens a file of the image. Symbolic links cannot lead out of the image.
fn open(directory: &File, name: &str) -> io::Result<File> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let file = File::from(openat2(directory, name, how)?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file")) }
}

fn bytes(directory: &File, name: &str) -> Result<Vec<u8>, ImageError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        open(directory, name)?.take(MAX_JSON_BYTES).read_to_end(&mut text)?;
        Ok(text)
    };
    read().map_err(|source| file_error(name, source))
}

fn verified(directory: &File, name: &str, expected: &str) -> Result<Vec<u8>, ImageError> {
    let text = bytes(directory, name)?;
    let found = packed::digest(text.as_slice()).map_err(|source| file_error(name, source))?;
    same(name, expected, &found).map(|()| text)
}

fn json<T: serde::de::DeserializeOwned>(directory: &File, name: &str) -> Result<T, ImageError> {
    parse(name, &bytes(directory, name)?)
}

fn parse<T: serde::de::DeserializeOwned>(name: &str, text: &[u8]) -> Result<T, ImageError> {
    serde_json::from_slice(text).map_err(|error| file_error(name, error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::chain;
    use crate::testing::archive::Written;
    use serde_json::json;
    use std::fs;
    use std::path::PathBuf;

    /// Builder of an image with two layers.
    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn write(&self, name: &str, content: &[u8]) -> String {
            let path = self.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
            packed::digest(content).unwrap()
        }

        fn blob(&self, content: &[u8]) -> String {
            let digest = packed::digest(content).unwrap();
            self.write(&format!("blobs/sha256/{digest}"), content);
            format!("sha256:{digest}")
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn unpack(&self) -> Result<Image, ImageError> {
            let opened = Opened::open(self.0.path())?;
            let root = self.path("root");
            fs::create_dir(&root).unwrap();
            opened.unpack(&root)?;
            Ok(opened.image)
        }

        /// Writes an OCI image layout; returns the names of the layers' blobs.
        fn layout(&self, architecture: &str) -> Vec<String> {
            let layers: Vec<String> = layers().iter().map(|layer| self.blob(layer)).collect();
            let config = self.blob(configuration(architecture, &layers).to_string().as_bytes());
            let descriptor = |digest: &String| json!({ "digest": digest, "mediaType": "layer", "size": 1 });
            let layers_json: Vec<_> = layers.iter().map(descriptor).collect();
            let manifest = json!({ "config": descriptor(&config), "layers": layers_json });
            let manifest = self.blob(manifest.to_string().as_bytes());
            let foreign =
                json!({ "digest": "sha256:0", "platform": { "os": "linux", "architecture": "pdp11" } });
            let inner = json!({ "manifests": [foreign, descriptor(&manifest)] }).to_string();
            let mut inner = descriptor(&self.blob(inner.as_bytes()));
            inner["mediaType"] = json!("application/vnd.oci.image.index.v1+json");
            self.write("index.json", json!({ "manifests": [inner] }).to_string().as_bytes());
            layers.iter().map(|layer| blob(layer).unwrap()).collect()
        }
    }

    fn layers() -> [Vec<u8>; 2] {
        let first = Written::default().file("kept", "first").file("gone", "first").end();
        [first, Written::default().file("new", "second").file(".wh.gone", "").end()]
    }

    fn configuration(architecture: &str, layers: &[String]) -> serde_json::Value {
        json!({
            "architecture": architecture,
            "config": { "Env": ["PATH=/opt/bin", "A=1=2", "broken"], "User": "app", "WorkingDir": "/srv" },
            "rootfs": { "diff_ids": layers }
        })
    }

    #[track_caller]
    fn is_whole(place: &Place, image: &Image) {
        let names: Vec<_> =
            fs::read_dir(place.path("root")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.len() == 2 && names.iter().all(|name| name != "gone"), "{names:?}");
        let expected = [("PATH", "/opt/bin"), ("A", "1=2")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(image.environment, expected);
        assert_eq!((image.user.as_deref(), image.directory.as_deref()), (Some("app"), Some("/srv")));
    }

    #[test]
    fn a_layout_is_unpacked_layer_by_layer() {
        let place = Place::new();
        place.layout(architecture());
        is_whole(&place, &place.unpack().unwrap());
    }

    #[test]
    fn what_docker_saves_is_the_same() {
        let place = Place::new();
        let digests: Vec<_> = layers()
            .iter()
            .enumerate()
            .map(|(n, layer)| format!("sha256:{}", place.write(&format!("{n}/layer.tar"), layer)))
            .collect();
        place.write("c.json", configuration(architecture(), &digests).to_string().as_bytes());
        let saved =
            json!([{ "Config": "c.json", "RepoTags": ["a:b"], "Layers": ["0/layer.tar", "1/layer.tar"] }]);
        place.write("manifest.json", saved.to_string().as_bytes());
        is_whole(&place, &place.unpack().unwrap());
    }

    #[test]
    fn a_layer_that_is_not_what_it_should_be_is_refused() {
        let place = Place::new();
        let layers = place.layout(architecture());
        place.write(&layers[1], &Written::default().file("new", "another").end());
        let message = chain(&place.unpack().unwrap_err());
        assert!(message.starts_with(&format!("digest mismatch of the file `{}`: ", layers[1])), "{message}");
        let place = Place::new();
        let layers = place.layout(architecture());
        fs::remove_file(place.path(&layers[0])).unwrap();
        let message = chain(&place.unpack().unwrap_err());
        assert!(
            message.starts_with(&format!("cannot read the file `{}` of the image: ", layers[0])),
            "{message}"
        );
    }

    #[test]
    fn a_file_of_the_image_is_not_one_of_the_host() {
        let place = Place::new();
        let saved = json!([{ "Config": "../../../../../../etc/passwd", "Layers": [] }]);
        place.write("manifest.json", saved.to_string().as_bytes());
        let message = chain(&place.unpack().unwrap_err());
        assert!(message.contains("No such file or directory"), "{message}");
        std::os::unix::fs::symlink("/etc/passwd", place.path("c.json")).unwrap();
        let saved = json!([{ "Config": "c.json", "Layers": [] }]);
        place.write("manifest.json", saved.to_string().as_bytes());
        let message = chain(&place.unpack().unwrap_err());
        assert!(message.contains("No such file or directory"), "{message}");
    }

    #[test]
    fn another_machine_s_image_is_refused() {
        let place = Place::new();
        place.layout("pdp11");
        let message = chain(&place.unpack().unwrap_err());
        assert!(message.ends_with("; the image is for pdp11"), "{message}");
        let place = Place::new();
        let foreign = json!({ "digest": "sha256:0", "platform": { "os": "linux", "architecture": "pdp11" } });
        place.write("index.json", json!({ "manifests": [foreign] }).to_string().as_bytes());
        let message = chain(&place.unpack().unwrap_err());
        assert_eq!(message, format!("no image for linux/{}", architecture()));
    }

    #[test]
    fn what_is_no_image_or_more_than_one_is_said() {
        let place = Place::new();
        let message = chain(&place.unpack().unwrap_err());
        assert_eq!(message, "not a container image: neither `index.json` nor `manifest.json` found");
        let saved = |tag: &str| json!({ "Config": "c.json", "RepoTags": [tag], "Layers": [] });
        place.write("manifest.json", json!([saved("a:1"), saved("a:2")]).to_string().as_bytes());
        let message = chain(&place.unpack().unwrap_err());
        assert_eq!(message, "several images, expected one: a:1, a:2");
    }

    #[test]
    fn mutated_images_are_unpacked_or_refused() {
        let seeds: Vec<Vec<u8>> = {
            let place = Place::new();
            place.layout(std::env::consts::ARCH);
            let read = |name: &str| fs::read(place.path(name)).unwrap();
            vec![read("index.json")]
        };
        let place = Place::new();
        place.layout(std::env::consts::ARCH);
        mutations::try_all("image", &seeds, |bytes| {
            fs::write(place.path("index.json"), bytes).unwrap();
            let _ = Opened::open(place.0.path()).map_err(|error| error.to_string());
        });
    }
}
