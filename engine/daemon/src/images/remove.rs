//! Removing names and images: Docker's rules, as one pure function, and what follows from them.
//!
//! | given | names | used by a container | without force | with force |
//! | --- | --- | --- | --- | --- |
//! | a name | it is one of several | whatever | the name goes | the name goes |
//! | a name | the last | no | name and image go | the same |
//! | a name | the last | stopped | refused | name and image go |
//! | a name | the last | running | refused | only the name goes |
//! | an id | at most one | no | all goes | the same |
//! | an id | at most one | stopped | refused | all goes |
//! | an id | several | not running | refused | all goes |
//! | an id | any | running | refused | refused |

use super::ImageService;
use super::digest::Digest;
use super::error::ImageError;
use super::record::{self, Image, State};
use super::reference::Tagged;
use super::resolve::{self, Found};
use hull_api::DeleteItem;
use std::sync::Arc;

/// A container uses an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUse {
    /// The image's id, `sha256:..`.
    pub image: String,
    /// The container's id.
    pub container: String,
    /// It is running or paused.
    pub running: bool,
}

/// What a removal does.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plan {
    untag: Vec<Tagged>,
    delete: bool,
}

impl ImageService {
    /// Removes a name, or an image with all its names.
    ///
    /// # Errors
    /// When there is no such image, or something uses it.
    pub fn remove(
        &self,
        reference: &str,
        force: bool,
        _no_prune: bool,
        in_use: &[ImageUse],
    ) -> Result<Vec<DeleteItem>, ImageError> {
        let items = {
            let _writing = self.writing();
            let (image, plan) = {
                let state = self.state();
                let (image, found) = resolve::find(&state, reference)?;
                let plan = plan(&state, &image, &found, reference, force, in_use)?;
                (image, plan)
            };
            self.carry_out(&image, plan, in_use)?
        };
        self.sweep()?;
        Ok(items)
    }

    /// The caller holds the lock of writers.
    fn carry_out(&self, image: &Arc<Image>, plan: Plan, in_use: &[ImageUse]) -> Result<Vec<DeleteItem>, ImageError> {
        let paths = &self.inner.paths;
        if !plan.untag.is_empty() {
            let mut names = self.state().names.clone();
            names.retain(|name, _| !plan.untag.contains(name));
            record::write_names(paths, &names)?;
            self.state_mut().names = names;
        }
        let mut items: Vec<DeleteItem> = Vec::new();
        for name in &plan.untag {
            items.push(DeleteItem { untagged: name.familiar(), ..DeleteItem::default() });
            self.publish("untag", image.id, image.id.to_string());
        }
        if !plan.delete {
            return Ok(items);
        }
        let deleted = |digest: &Digest| DeleteItem { deleted: digest.to_string(), ..DeleteItem::default() };
        self.publish("delete", image.id, image.id.to_string());
        items.push(deleted(&image.id));
        if uses(image.id, in_use).next().is_some() {
            // A stopped container can still be started: its layers stay until `collect`.
            let mut hidden = Image::clone(image);
            hidden.record.removed = true;
            record::write_record(paths, &hidden.record)?;
            self.state_mut().images.insert(image.id, Arc::new(hidden));
        } else {
            items.extend(self.state().only_in(image).iter().map(deleted));
            self.forget(image.id)?;
        }
        Ok(items)
    }

    /// Removes an idle image with all its names, for `prune`. The caller holds the lock of writers.
    pub(super) fn remove_idle(&self, image: &Arc<Image>) -> Result<Vec<DeleteItem>, ImageError> {
        let untag = self.state().names_of(image.id).cloned().collect();
        self.carry_out(image, Plan { untag, delete: true }, &[])
    }
}

fn uses(image: Digest, in_use: &[ImageUse]) -> impl Iterator<Item = &ImageUse> {
    let id = image.to_string();
    in_use.iter().filter(move |used| used.image == id)
}

fn plan(
    state: &State,
    image: &Image,
    found: &Found,
    reference: &str,
    force: bool,
    in_use: &[ImageUse],
) -> Result<Plan, ImageError> {
    let short = |id: &str| id.trim_start_matches("sha256:").chars().take(12).collect::<String>();
    let id = image.id.short();
    let names: Vec<Tagged> = state.names_of(image.id).cloned().collect();
    let running = uses(image.id, in_use).find(|used| used.running);
    let any = running.or_else(|| uses(image.id, in_use).next());
    if image.record.removed {
        return Err(ImageError::NotFound(reference.to_owned()));
    }
    match (found, any) {
        (Found::Name(name), _) if names.len() > 1 => Ok(Plan { untag: vec![name.clone()], delete: false }),
        (Found::Name(_), Some(used)) if !force => Err(ImageError::ReferenceInUse {
            reference: reference.to_owned(),
            container: short(&used.container),
            image: id,
        }),
        (Found::Name(_), _) => Ok(Plan { untag: names, delete: running.is_none() }),
        (Found::Id, Some(used)) if used.running => {
            Err(ImageError::Running { image: id, container: short(&used.container) })
        }
        (Found::Id, _) if names.len() > 1 && !force => Err(ImageError::SeveralNames { image: id }),
        (Found::Id, Some(used)) if !force => Err(ImageError::Stopped { image: id, container: short(&used.container) }),
        (Found::Id, _) => Ok(Plan { untag: names, delete: true }),
    }
}
