"""Writes the F32 twin of a GGUF file: every tensor dequantised by the gguf package, metadata kept.

  python ci/goldens/f32_twin.py IN.gguf OUT.gguf
"""

import os
import sys

import gguf
import numpy as np


def write_twin(source, target):
    reader = gguf.GGUFReader(source)
    arch = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(target + ".part", arch)
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        sub = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), kind, sub_type=sub)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for t in reader.tensors:
        writer.add_tensor_info(
            t.name, [int(d) for d in reversed(t.shape)], np.dtype(np.float32), 4 * t.n_elements)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for t in reader.tensors:
        values = gguf.quants.dequantize(t.data, t.tensor_type)
        writer.write_tensor_data(np.ascontiguousarray(values, dtype=np.float32))
    writer.close()
    os.replace(target + ".part", target)


if __name__ == "__main__":
    write_twin(sys.argv[1], sys.argv[2])
