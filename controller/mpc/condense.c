/* States eliminated from a linearised horizon. Every element is added up in one order, over the states or the rows as
   they are numbered, so that vector instructions and the arrays of NumPy (sensitive.py) come to the same bits. */

/* rows[i, :width] = sum over j of slopes[j, first + i] * inner[j, :width] */
static void product(int n_in, int n_out, int width, int n_d, const double *slopes, int stride, int first,
                    const double *restrict inner, double *restrict rows)
{
    for (int i = 0; i < n_out; i++)
        for (int d = 0; d < width; d++)
            rows[i * n_d + d] = 0.0;
    for (int j = 0; j < n_in; j++)
        for (int i = 0; i < n_out; i++) {
            const double slope = slopes[j * stride + first + i];
            if (slope == 0.0) /* adds nothing, not even a sign: sums begin at +0 */
                continue;
            const double *restrict from = inner + j * n_d;
            double *restrict to = rows + i * n_d;
            for (int d = 0; d < width; d++)
                to[d] += slope * from[d];
        }
}

/* rows[i, at + m] += slopes[n_x + m, first + i] * scale[m] */
static void direct(int n_x, int n_u, int n_out, int n_d, const double *slopes, int stride, int first,
                   const double *scale, int at, double *rows)
{
    for (int i = 0; i < n_out; i++)
        for (int m = 0; m < n_u; m++)
            rows[i * n_d + at + m] += slopes[(n_x + m) * stride + first + i] * scale[m];
}

/* hessian += row row', its lower half; gradient += row residual */
static void square(int n_d, const double *restrict row, double residual, double *restrict hessian,
                   double *restrict gradient)
{
    for (int i = 0; i < n_d; i++) {
        const double one = row[i];
        if (one == 0.0)
            continue;
        double *restrict to = hessian + i * n_d;
        for (int d = 0; d <= i; d++)
            to[d] += one * row[d];
    }
    for (int d = 0; d < n_d; d++)
        gradient[d] += row[d] * residual;
}

/* sizes: samples, states, inputs, squares, rows, squares at the end, corrections.
   of: block of each sample. states: slopes of the states by the corrections, before each sample and at the end. */
void condense(const int *sizes, const int *of, const double *scale, const double *along, const double *end,
              const double *residuals, double *states, double *rows, double *last, double *hessian, double *gradient)
{
    const int n = sizes[0], n_x = sizes[1], n_u = sizes[2], n_r = sizes[3], n_rows = sizes[4], n_e = sizes[5],
              n_d = sizes[6], stride = n_x + n_rows, block = n_x * n_d;
    for (int k = 0; k < n; k++) {
        const double *slopes = along + k * (n_x + n_u) * stride, *now = states + k * block;
        double *next = states + (k + 1) * block, *here = rows + k * n_rows * n_d;
        const int at = of[k] * n_u;
        product(n_x, n_x, at + n_u, n_d, slopes, stride, 0, now, next);
        direct(n_x, n_u, n_x, n_d, slopes, stride, 0, scale, at, next);
        product(n_x, n_rows, at + n_u, n_d, slopes, stride, n_x, now, here);
        for (int i = 0; i < n_rows; i++)
            for (int d = at + n_u; d < n_d; d++)
                here[i * n_d + d] = 0.0;
        direct(n_x, n_u, n_rows, n_d, slopes, stride, n_x, scale, at, here);
    }
    product(n_x, n_e + 1, n_d, n_d, end, n_e + 1, 0, states + n * block, last);
    direct(n_x, n_u, n_e + 1, n_d, end, n_e + 1, 0, scale, n_d - n_u, last);
    for (int i = 0; i < n_d * n_d; i++)
        hessian[i] = 0.0;
    for (int i = 0; i < n_d; i++)
        gradient[i] = 0.0;
    for (int k = 0; k < n; k++)
        for (int r = 0; r < n_r; r++)
            square(n_d, rows + (k * n_rows + r) * n_d, *residuals++, hessian, gradient);
    for (int r = 0; r < n_e; r++)
        square(n_d, last + r * n_d, *residuals++, hessian, gradient);
    for (int i = 0; i < n_d; i++)
        for (int d = 0; d < i; d++)
            hessian[d * n_d + i] = hessian[i * n_d + d];
}
