//! The steps of a publication, as each shipping store takes and judges them, a fault possible at each.

use uuid::Uuid;

use super::actor::{Actor, Part, Sent, failure, failure_of};
use super::ground::{Applied, FIELDS, Fault, Message};
use super::store::{Answer, Request, Stored};
use crate::fault::FaultKind;
use crate::record::{SecretContent, encode_with_token};
use crate::rotation::world::{PublishError, Version};
use crate::stores::judgement::{
    AwsAnswer, CURRENT, Edition, KubernetesAnswer, KubernetesNext, KubernetesPublication, Next,
    PENDING, Publication, Unswitched, Unwritten, VaultAnswer, VersionName, cas, failed_switch,
    version_id,
};

impl Actor {
    /// One write with the number of the version that is expected: Vault.
    pub(super) async fn publish_by_number(
        &self,
        (part, message): (Part, impl Fn(Request) -> Message),
        what: &str,
        over: &Version,
        value: Stored,
    ) -> Result<(), PublishError> {
        let Some(cas) = cas(over) else { return Err(PublishError::Conflict) };
        let set = Request::Set { cas, value: Box::new(value) };
        let status =
            |status, words: &str| VaultAnswer::Status { status, errors: vec![words.to_owned()] };
        let answer = match self.send(part, what, message(set)).await {
            Sent::Told(Applied::Store(Answer::Done)) => return Ok(()),
            Sent::Told(_) => {
                status(400, "check-and-set parameter did not match the current version")
            }
            Sent::Refused(FaultKind::Permanent) => status(403, "permission denied"),
            Sent::Refused(FaultKind::Transient) => status(429, "too many requests"),
            Sent::Broken => status(502, ""),
            Sent::Untold => VaultAnswer::Broken("simulated".to_owned()),
        };
        let is_transient = answer.is_worth_repeating();
        let kind = if is_transient { FaultKind::Transient } else { FaultKind::Permanent };
        Err(match answer.of_write() {
            Unwritten::Conflict => PublishError::Conflict,
            Unwritten::Refused => PublishError::Refused(failure_of(kind)),
            Unwritten::Unknown => PublishError::Unknown(failure_of(kind)),
        })
    }

    /// A version put, and `AWSCURRENT` moved to it: Secrets Manager.
    pub(super) async fn publish_by_labels(
        &self,
        over: &Version,
        content: &SecretContent,
        value: Stored,
    ) -> Result<(), PublishError> {
        let with = |id: Uuid| Box::new(Stored { id: id.to_string(), ..value.clone() });
        let (mut publication, mut next) =
            Publication::begin(over, version_id(content, &value.record));
        loop {
            next = match next {
                Next::Create(id) => {
                    let create = Request::Create(with(id));
                    Publication::created(self.ask_aws("creates the secret", create).await.map(drop))
                }
                Next::Look => publication.looked(
                    self.ask(Part::Store, "looks for a version", |ground| {
                        ground.served().is_some()
                    })
                    .await
                    .map_err(|_| AwsAnswer::nonsense("simulated")),
                ),
                Next::Put(id) => {
                    let mut outcome =
                        self.ask_aws("puts a pending version", Request::Put(with(id))).await;
                    // The SDK sends it again.
                    if outcome.as_ref().is_err_and(AwsAnswer::may_land) {
                        outcome = self.ask_aws("puts it again", Request::Put(with(id))).await;
                    }
                    publication.put(outcome.map(|answer| match answer {
                        Answer::IsCurrent => vec![PENDING.to_owned(), CURRENT.to_owned()],
                        Answer::Done | Answer::Conflict | Answer::Exists | Answer::Missing => {
                            vec![PENDING.to_owned()]
                        }
                    }))
                }
                Next::Move { to, from } => {
                    let make_current = Request::Move { from, to: to.to_string() };
                    publication
                        .moved(self.ask_aws("moves AWSCURRENT", make_current).await.map(drop))
                }
                Next::Served => return Ok(()),
                Next::Conflict => return Err(PublishError::Conflict),
                Next::Overtaken | Next::Failed { may_land: true, .. } => {
                    return Err(PublishError::Unknown(failure()));
                }
                Next::Failed { may_land: false, .. } => {
                    return Err(PublishError::Refused(failure()));
                }
            };
        }
    }

    async fn ask_aws(&self, what: &str, request: Request) -> Result<Answer, AwsAnswer> {
        let no = |code, status| Err(AwsAnswer::answered(Some(code), None, status));
        match self.send(Part::Store, what, Message::Store(self.place, request)).await {
            Sent::Told(Applied::Store(Answer::Conflict)) => no("InvalidParameterException", 400),
            Sent::Told(Applied::Store(Answer::Exists)) => no("ResourceExistsException", 400),
            Sent::Told(Applied::Store(Answer::Missing)) => no("ResourceNotFoundException", 400),
            Sent::Told(Applied::Store(answer)) => Ok(answer),
            Sent::Refused(FaultKind::Permanent) => no("AccessDeniedException", 400),
            Sent::Refused(FaultKind::Transient) => no("ThrottlingException", 400),
            Sent::Broken => no("InternalServiceError", 500),
            Sent::Told(_) | Sent::Untold => Err(AwsAnswer::Unclear("simulated".to_owned())),
        }
    }

    /// What is replaced put aside, a secret made where there is none, and a write over one edition: Kubernetes.
    pub(super) async fn publish_over_edition(
        &self,
        over: &Version,
        content: &SecretContent,
        value: Stored,
    ) -> Result<(), PublishError> {
        let replaced = match content {
            SecretContent::Managed { record, token }
                if record.token_id != value.record.token_id =>
            {
                let object = encode_with_token(record, &value.others, FIELDS, token);
                Some(Stored::new(object, (**record).clone(), token.lend(str::to_owned)))
            }
            SecretContent::Managed { .. }
            | SecretContent::Edited { .. }
            | SecretContent::Unmanaged { .. }
            | SecretContent::Vacant => None,
        };
        let (publication, mut next) = KubernetesPublication::begin(over, replaced.is_some());
        loop {
            next = match next {
                KubernetesNext::Keep => {
                    let keep = Request::Keep(Box::new(replaced.clone().unwrap()));
                    publication.kept(self.ask_kubernetes("keeps the replaced token", keep).await)
                }
                KubernetesNext::Create => {
                    let made = self.ask_kubernetes("makes the secret", Request::Make).await;
                    let edition =
                        || Edition::parse(&self.shared().ground.store().version()).unwrap();
                    KubernetesPublication::created(made.map(|()| edition()))
                }
                KubernetesNext::Write(edition) => {
                    let over = edition.version().as_str().to_owned();
                    let patch = Request::Patch { over, value: Box::new(value.clone()) };
                    KubernetesPublication::written(
                        self.ask_kubernetes("writes over an edition", patch).await,
                    )
                }
                KubernetesNext::Served => return Ok(()),
                KubernetesNext::Conflict => return Err(PublishError::Conflict),
                KubernetesNext::Failed { may_land: true, .. } => {
                    return Err(PublishError::Unknown(failure()));
                }
                KubernetesNext::Failed { answer, may_land: false, .. } => {
                    let is_transient = answer.is_worth_repeating();
                    let kind =
                        if is_transient { FaultKind::Transient } else { FaultKind::Permanent };
                    return Err(PublishError::Refused(failure_of(kind)));
                }
            };
        }
    }

    async fn ask_kubernetes(&self, what: &str, request: Request) -> Result<(), KubernetesAnswer> {
        let no = |code, reason: &str| {
            let body = serde_json::json!({"kind": "Status", "reason": reason}).to_string();
            Err(KubernetesAnswer::of(code, body.as_bytes(), true))
        };
        match self.send(Part::Store, what, Message::Store(self.place, request)).await {
            Sent::Told(Applied::Store(Answer::Conflict)) => no(409, "Conflict"),
            Sent::Told(Applied::Store(Answer::Exists)) => no(409, "AlreadyExists"),
            Sent::Told(_) => Ok(()),
            Sent::Refused(FaultKind::Permanent) => no(403, "Forbidden"),
            Sent::Refused(FaultKind::Transient) => no(429, "TooManyRequests"),
            Sent::Broken => no(500, "InternalError"),
            Sent::Untold => Err(KubernetesAnswer::Broken("simulated".to_owned())),
        }
    }

    /// A lock, a look, a switch: files.
    pub(super) async fn publish_under_lock(
        &self,
        over: &Version,
        mut value: Stored,
    ) -> Result<(), PublishError> {
        let index = self.index;
        let locked = self
            .ask(Part::Store, "locks and compares", |ground| {
                if ground.store_mut().lock.is_some() {
                    return Err(PublishError::Refused(failure()));
                }
                if ground.store().version() != *over {
                    return Err(PublishError::Conflict);
                }
                ground.store_mut().lock = Some(index);
                Ok(ground.store().fresh_id())
            })
            .await;
        let result = match locked {
            Ok(Err(error)) => return Err(error),
            Ok(Ok(id)) => {
                value.id.clone_from(&id);
                self.switch(&id, value).await
            }
            Err(fault) => Err(PublishError::Refused(fault)),
        };
        let mut shared = self.shared();
        let store = shared.ground.store_mut();
        if store.lock == Some(index) {
            store.lock = None;
        }
        result
    }

    /// A rename takes place or does not: it cannot be under way when the process is gone.
    async fn switch(&self, id: &str, value: Stored) -> Result<(), PublishError> {
        let fault = self.effect(Part::Store, "renames").await;
        let takes_place = match fault {
            None | Some(Fault::Duplicate(_) | Fault::CrashAfter | Fault::LoseReply) => true,
            Some(_) => false,
        };
        if takes_place {
            let switch = Message::Store(self.place, Request::Switch(Box::new(value)));
            self.shared().ground.apply(switch);
        }
        self.after(fault).await;
        if takes_place && fault != Some(Fault::LoseReply) {
            return Ok(());
        }
        let served =
            self.ask(Part::Store, "looks what is served", |ground| ground.store().version()).await;
        let served = served.map(|version| VersionName::parse(version.as_str()));
        let next = VersionName::parse(id).unwrap();
        Err(match failed_switch(&served, &next) {
            Unswitched::Refused => PublishError::Refused(failure()),
            Unswitched::Unknown => PublishError::Unknown(failure()),
        })
    }
}
