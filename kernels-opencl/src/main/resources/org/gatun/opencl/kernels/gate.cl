// How a product is gated: y = activate(x Wgᵀ) · x Wᵀ, GATED naming the activation (1 SiLU, 2 GELU
// in its tanh form). Where both weights have one format, a kernel forms both products (PRODUCTS 2).
// Otherwise the gate's product, not yet activated, already lies in y (GATE_IN_Y), and the kernel of
// the other format replaces it.
#if GATED && !defined(GATE_IN_Y)
#define PRODUCTS 2
#else
#define PRODUCTS 1
#endif
// For floats and vectors of them.
#if GATED == 2
#define ACTIVATE(g) \
  (0.5f * (g) * (1 + tanh(0.7978845608028654f * ((g) + 0.044715f * (g) * (g) * (g)))))
#else
#define ACTIVATE(g) ((g) / (1 + exp(-(g))))
#endif
