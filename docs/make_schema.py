"""Write data/schema/: the JSON Schemas of model and decisions files, from the classes. Run by `make schema`."""

import json
from pathlib import Path

from threatkit import decisionfile, modelfile

folder = Path(__file__).resolve().parent.parent / "data" / "schema"
folder.mkdir(parents=True, exist_ok=True)
for schema in (modelfile.json_schema(), decisionfile.json_schema()):
    target = folder / schema["$id"]
    target.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(target.name)
