// CLBlast's SGEMM on the first OpenCL device: clblast_gemm M N K. Median device time of nine runs
// after three, with the parameters it ships or with those of the list below that are fastest for
// this shape, whichever is better: a tuner in small. C [M, N] = A [M, K] · Bᵀ, B [N, K], row-major:
// the product of a linear layer. Prints one line of JSON.
#define CL_TARGET_OPENCL_VERSION 120
#include <clblast.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

static void check(int status, const char* what) {
  if (status == 0) return;
  std::fprintf(stderr, "clblast_gemm: %s: error %d\n", what, status);
  std::exit(1);
}

int main(int argc, char** argv) {
  if (argc != 4) check(-1, "usage: clblast_gemm M N K");
  size_t m = std::atol(argv[1]), n = std::atol(argv[2]), k = std::atol(argv[3]);
  cl_platform_id platform;
  cl_device_id device;
  cl_int status;
  check(clGetPlatformIDs(1, &platform, nullptr), "no platform");
  check(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, nullptr), "no device");
  cl_context context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, &status);
  check(status, "context");
  cl_command_queue queue =
      clCreateCommandQueue(context, device, CL_QUEUE_PROFILING_ENABLE, &status);
  check(status, "queue");
  auto buffer = [&](size_t elements) {
    std::vector<float> host(elements);
    for (size_t i = 0; i < elements; i++) host[i] = float(i % 251) / 251 - 0.5f;
    cl_mem mem = clCreateBuffer(context, CL_MEM_READ_WRITE, elements * 4, nullptr, &status);
    check(status, "buffer");
    check(clEnqueueWriteBuffer(queue, mem, CL_TRUE, 0, elements * 4, host.data(), 0, nullptr,
                               nullptr),
          "upload");
    return mem;
  };
  cl_mem a = buffer(m * k), b = buffer(n * k), c = buffer(m * n);
  auto median = [&](int warm, int runs) {
    std::vector<double> took;
    for (int i = -warm; i < runs; i++) {
      // CLBlast's event covers its last kernel only, so the clock runs from an empty queue to an
      // empty queue.
      check(clFinish(queue), "finish");
      cl_event first, last;
      check(clEnqueueMarkerWithWaitList(queue, 0, nullptr, &first), "marker");
      auto s = clblast::Gemm<float>(clblast::Layout::kRowMajor, clblast::Transpose::kNo,
                                    clblast::Transpose::kYes, m, n, k, 1.0f, a, 0, k, b, 0, k, 0.0f,
                                    c, 0, n, &queue, nullptr);
      check(int(s), "gemm");
      check(clEnqueueMarkerWithWaitList(queue, 0, nullptr, &last), "marker");
      check(clFinish(queue), "finish");
      cl_ulong begin, end;
      check(clGetEventProfilingInfo(first, CL_PROFILING_COMMAND_END, 8, &begin, nullptr), "time");
      check(clGetEventProfilingInfo(last, CL_PROFILING_COMMAND_START, 8, &end, nullptr), "time");
      if (i >= 0) took.push_back(double(end - begin));
    }
    std::sort(took.begin(), took.end());
    return took[took.size() / 2];
  };
  double best = median(3, 9);
  // Tiles of MWG × NWG by work-groups of dim × dim, vectors of vwm and vwn, columns of K in turn.
  // No local memory: a CPU's is its cache.
  const size_t tiles[][7] = {
      {64, 64, 8, 8, 8, 8, 32},   {64, 64, 4, 4, 16, 16, 32}, {64, 32, 4, 4, 16, 8, 32},
      {32, 32, 2, 2, 16, 16, 32}, {32, 64, 2, 4, 16, 16, 16}, {128, 64, 8, 8, 16, 8, 16},
      {64, 64, 8, 8, 4, 4, 32},   {32, 32, 4, 4, 8, 8, 16},   {64, 16, 4, 2, 16, 8, 32}};
  const char* used = "shipped";
  char name[64];
  for (auto& t : tiles) {
    size_t group = t[2] * t[3];
    if (t[6] % (group / t[2]) != 0 || t[6] % (group / t[3]) != 0) continue;
    auto indirect = clblast::OverrideParameters(device, "GemmRoutine", clblast::Precision::kSingle,
                                                {{"XGEMM_MIN_INDIRECT_SIZE", 0}});
    auto s = clblast::OverrideParameters(device, "Xgemm", clblast::Precision::kSingle,
                                         {{"GEMMK", 0},
                                          {"KREG", 1},
                                          {"KWG", t[6]},
                                          {"KWI", 2},
                                          {"MDIMA", t[2]},
                                          {"MDIMC", t[2]},
                                          {"MWG", t[0]},
                                          {"NDIMB", t[3]},
                                          {"NDIMC", t[3]},
                                          {"NWG", t[1]},
                                          {"SA", 0},
                                          {"SB", 0},
                                          {"STRM", 0},
                                          {"STRN", 0},
                                          {"VWM", t[4]},
                                          {"VWN", t[5]}});
    if (int(s) != 0 || int(indirect) != 0) continue;
    double took = median(1, 3);
    if (took < best) {
      best = std::min(took, median(1, 9));
      std::snprintf(name, sizeof name, "%zux%zu by %zux%zu of %zux%zu", t[0], t[1], t[2], t[3],
                    t[4], t[5]);
      used = name;
    }
  }
  std::fprintf(stderr, "clblast_gemm %zux%zux%zu: %s\n", m, n, k, used);
  std::printf("{\"what\": \"gemm %zux%zux%zu\", \"value\": %.2f, \"unit\": \"GFLOP/s\"}\n", m, n, k,
              2.0 * m * n * k / best);
}
