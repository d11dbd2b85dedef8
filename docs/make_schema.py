"""Write data/schema/: the JSON Schema of the model file, from the classes of threatkit.model. Run by `make schema`."""

import json
from pathlib import Path

from threatkit.modelfile import json_schema

schema = json_schema()
target = Path(__file__).resolve().parent.parent / "data" / "schema" / schema["$id"]
target.parent.mkdir(parents=True, exist_ok=True)
target.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
print(target.name)
