"""Elasticsearch's and Kibana's HTTP APIs: lifecycle, templates and roles; then saved objects and rules.

API keys are not made: their answer is a secret, and it belongs into Logstash's keystore at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from hug_agents.adapters.monitors.documents import Document, DocumentsTarget, parsed
from hug_agents.bundle import Bundle
from hug_agents.errors import HttpError, UsageError
from hug_agents.http import Http, checked_address
from hug_agents.plans import Blueprint
from hug_agents.render.monitoring.elk_kibana import identity
from hug_agents.render.naming import ELK

_PATHS = {
    "ilm": "/_ilm/policy/{}",
    "component-templates": "/_component_template/{}",
    "index-templates": "/_index_template/{}",
    "roles": "/_security/role/{}",
}
"""By folder, in the order in which one needs the other."""
_OF_A_CHANGE = ("name", "tags", "schedule", "params", "actions")
"""What a rule can be changed in; its type and its consumer stay."""
_ADDRESS = re.compile(r"https?://[^/,\s]+[^,\s]*")


class ElkTarget(DocumentsTarget):
    """`elk:ELASTICSEARCH,KIBANA`. `api_key` may manage lifecycles, index templates and roles, and rules in Kibana."""

    system = "elk"

    def __init__(self, addresses: str, api_key: str) -> None:
        found = _ADDRESS.findall(addresses)
        if len(found) != 2 or not api_key:
            raise UsageError(
                "the target elk needs two addresses and a key",
                where="target",
                hint="elk:https://ELASTICSEARCH:9200,https://KIBANA:5601, and HUG_AGENTS_ELASTIC_API_KEY",
            )
        found = [checked_address(item, "elk") for item in found]
        self.name = f"elk:{','.join(found)}"
        headers = {"Authorization": f"ApiKey {api_key}"}
        self._elasticsearch = Http(found[0], headers=headers, secrets=(api_key,))
        self._kibana = Http(found[1], headers={**headers, "kbn-xsrf": "true"}, secrets=(api_key,))

    def documents(self, bundle: Bundle, blueprint: Blueprint, environment: str) -> Iterable[Document]:
        for folder in _PATHS:
            for item in bundle.under(f"{ELK}/elasticsearch/{folder}/"):
                yield Document(folder, PurePosixPath(item.path).stem, parsed(bundle, item.path), item.path)
        objects = f"{ELK}/kibana/saved-objects.ndjson"
        for line in bundle[objects].content.splitlines() if objects in bundle else ():
            body = json.loads(line)
            yield Document("object", f"{body['type']}/{body['id']}", body, objects)
        for item in bundle.under(f"{ELK}/kibana/rules/{environment}."):
            name = item.path.rpartition("/")[2].removesuffix(".json")
            id = identity(blueprint.spec.application, name)
            yield Document("rule", id, parsed(bundle, item.path), item.path)

    def there(self, document: Document) -> Any:
        name = document.name
        if document.kind == "rule":
            answer = self._kibana.get(f"/api/alerting/rule/{name}", ok=(404,))
            return None if answer.status == 404 else answer.json()
        if document.kind == "object":
            return self._exported(*name.split("/", 1))
        answer = self._elasticsearch.get(_PATHS[document.kind].format(quote(name, safe="")), ok=(404,))
        said = answer.json()
        if answer.status == 404 or not said:
            return None
        if document.kind == "ilm":
            return {"policy": said[name]["policy"]}
        if document.kind == "component-templates":
            return said["component_templates"][0]["component_template"]
        if document.kind == "index-templates":
            return said["index_templates"][0]["index_template"]
        return said[name]

    def send(self, document: Document, *, new: bool) -> None:
        body = document.body
        if document.kind == "rule":
            path = f"/api/alerting/rule/{document.name}"
            if new:
                self._kibana.request("POST", path, json=body)
            else:
                self._kibana.request("PUT", path, json={key: body[key] for key in _OF_A_CHANGE})
        elif document.kind == "object":
            self._import(body)
        else:
            path = _PATHS[document.kind].format(quote(document.name, safe=""))
            self._elasticsearch.request("PUT", path, json=body)

    def _exported(self, kind: str, id: str) -> Any:
        """One saved object. What is not there is an error of the export, which names it."""
        asked = {"objects": [{"type": kind, "id": id}], "excludeExportDetails": True}
        answer = self._kibana.request("POST", "/api/saved_objects/_export", json=asked, ok=(400,))
        if answer.status == 200:
            return json.loads(answer.text)
        said = answer.json()
        rows = (said.get("attributes") or {}).get("objects") or ()
        if any((row.get("error") or {}).get("statusCode") == 404 for row in rows):
            return None
        raise HttpError(
            f"Kibana did not export {kind} {id}: {json.dumps(said)[:300]}",
            where=f"POST {self._kibana.base_url}/api/saved_objects/_export",
            status=400,
        )

    def _import(self, body: dict[str, Any]) -> None:
        """One saved object, over the one that may be there. An import that did not succeed still answers 200."""
        edge = "hug-agents-one-saved-object"
        text = (
            f"--{edge}\r\n"
            'Content-Disposition: form-data; name="file"; filename="object.ndjson"\r\n'
            "Content-Type: application/ndjson\r\n\r\n"
            f"{json.dumps(body)}\r\n--{edge}--\r\n"
        )
        answer = self._kibana.request(
            "POST",
            "/api/saved_objects/_import",
            params={"overwrite": "true"},
            content=text.encode(),
            headers={"Content-Type": f"multipart/form-data; boundary={edge}"},
        )
        said = answer.json()
        if not said.get("success"):
            raise HttpError(
                f"Kibana did not take {body['type']} {body['id']}: {json.dumps(said.get('errors'))[:300]}",
                where=f"POST {self._kibana.base_url}/api/saved_objects/_import",
            )
