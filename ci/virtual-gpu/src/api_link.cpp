// The driver's linker, as far as its users need it to keep compiled code: PTX goes in, an image
// comes out that cuModuleLoadData takes. There is no machine code here, so the image is the PTX
// behind a line that says who made it.
#include <cstring>
#include <mutex>
#include <set>

#include "driver.h"

using namespace vgpu;

namespace {
struct Link {
  std::string image;
};
std::set<Link*>& links() {
  static auto* all = new std::set<Link*>;
  return *all;
}
std::mutex& guard() {
  static auto* m = new std::mutex;
  return *m;
}
Link* link_of(CUlinkState s) {
  std::lock_guard<std::mutex> lock(guard());
  return links().count((Link*)s) ? (Link*)s : nullptr;
}
}  // namespace

EXPORT CUresult cuLinkCreate(unsigned, CUjit_option*, void**, CUlinkState* out) {
  API(cuLinkCreate);
  NEED(out);
  Link* l = new Link;
  std::lock_guard<std::mutex> lock(guard());
  links().insert(l);
  *out = (CUlinkState)l;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuLinkAddData(CUlinkState s, CUjitInputType type, void* data, size_t size,
                              const char*, unsigned, CUjit_option*, void**) {
  API(cuLinkAddData);
  NEED(data && size);
  Link* l = link_of(s);
  if (!l) return CUDA_ERROR_INVALID_HANDLE;
  if (type != CU_JIT_INPUT_PTX) return CUDA_ERROR_INVALID_IMAGE;
  if (!l->image.empty())
    return CUDA_ERROR_NOT_SUPPORTED;  // one translation unit: nothing is linked to anything
  std::string text((const char*)data, strnlen((const char*)data, size));
  try {
    parse_ptx(text);
  } catch (const std::exception& e) {
    fprintf(stderr, "Gatun Virtual GPU: cuLinkAddData: %s\n", e.what());
    return CUDA_ERROR_INVALID_PTX;
  }
  l->image = "// linked by the Gatun Virtual GPU\n" + text;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuLinkComplete(CUlinkState s, void** image, size_t* size) {
  API(cuLinkComplete);
  NEED(image && size);
  Link* l = link_of(s);
  if (!l) return CUDA_ERROR_INVALID_HANDLE;
  if (l->image.empty()) return CUDA_ERROR_INVALID_IMAGE;
  *image = l->image.data();
  *size = l->image.size() + 1;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuLinkDestroy(CUlinkState s) {
  API(cuLinkDestroy);
  Link* l = link_of(s);
  if (!l) return CUDA_ERROR_INVALID_HANDLE;
  {
    std::lock_guard<std::mutex> lock(guard());
    links().erase(l);
  }
  delete l;
  return CUDA_SUCCESS;
}
